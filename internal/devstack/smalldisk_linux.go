package devstack

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// StartSmallDisk makes a disk of so many bytes. Nothing is mounted where the rest of the machine sees it: a process that
// lives as long as the disk has it in a mount namespace of its own, as root or, for others, in a user namespace, and the
// folder is reached through that process. The options are further ones of tmpfs.
func (s *Stack) StartSmallDisk(bytes int64, options ...string) (*SmallDisk, error) {
	dir := filepath.Join(s.dir, s.name("disk"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("small disk: %w", err)
	}
	options = append([]string{fmt.Sprintf("size=%d,mode=0777", bytes)}, options...)
	script := fmt.Sprintf("mount -t tmpfs -o %s tmpfs %q && echo mounted && exec cat", strings.Join(options, ","), dir)
	var said strings.Builder
	for _, flags := range []string{"-m", "-Urm"} {
		cmd := exec.Command("unshare", flags, "sh", "-c", script) //nolint:gosec // our own words
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		cmd.Stderr = &said
		in, err := cmd.StdinPipe() // cat ends with it, and the disk with cat
		if err != nil {
			return nil, fmt.Errorf("small disk: %w", err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, fmt.Errorf("small disk: %w", err)
		}
		if err := s.spawner.Start(cmd); err != nil {
			return nil, fmt.Errorf("a small disk needs unshare, of the Debian package util-linux: %w", err)
		}
		end := sync.OnceFunc(func() { in.Close(); io.Copy(io.Discard, out); cmd.Wait() }) //nolint:errcheck // it has nothing to say
		if line, _ := bufio.NewReader(out).ReadString('\n'); line == "mounted\n" {
			d := &SmallDisk{Dir: filepath.Join("/proc", fmt.Sprint(cmd.Process.Pid), "root", dir), end: end}
			if err := s.add(d); err != nil {
				end()
				return nil, err
			}
			return d, nil
		}
		end()
	}
	return nil, fmt.Errorf("a small disk needs root, or user namespaces (sysctl kernel.unprivileged_userns_clone): %s", said.String())
}
