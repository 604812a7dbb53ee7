package stacktest

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// SmallDisk is a folder on a real file system of so many bytes, for this test alone. Nothing is mounted where the rest of
// the machine sees it: a process that lives as long as the test has it in a mount namespace of its own, as root or, for
// others, in a user namespace, and the folder is reached through that process. The options are further ones of tmpfs.
func SmallDisk(t testing.TB, bytes int64, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	options = append([]string{fmt.Sprintf("size=%d,mode=0777", bytes)}, options...)
	script := fmt.Sprintf("mount -t tmpfs -o %s tmpfs %q && echo mounted && exec cat", strings.Join(options, ","), dir)
	var said strings.Builder
	for _, flags := range []string{"-m", "-Urm"} {
		cmd := exec.Command("unshare", flags, "sh", "-c", script) //nolint:gosec // our own words
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		cmd.Stderr = &said
		in, err := cmd.StdinPipe() // cat ends with it, and the disk with cat
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatalf("a small disk needs unshare, of the Debian package util-linux: %v", err)
		}
		end := func() { in.Close(); io.Copy(io.Discard, out); cmd.Wait() } //nolint:errcheck // it has nothing to say
		if line, _ := bufio.NewReader(out).ReadString('\n'); line == "mounted\n" {
			t.Cleanup(end)
			return filepath.Join("/proc", fmt.Sprint(cmd.Process.Pid), "root", dir)
		}
		end()
	}
	t.Fatalf("a small disk needs root, or user namespaces (sysctl kernel.unprivileged_userns_clone): %s", said.String())
	return ""
}
