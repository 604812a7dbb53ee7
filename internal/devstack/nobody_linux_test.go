package devstack_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"rohrpost/internal/devstack"
)

// nobody runs in a process of its own, without root's rights: it starts what it can reach and closes it again.
func nobody() {
	ctx := context.Background()
	s, err := devstack.Open(os.Getenv(dirEnv), slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err == nil {
		_, err = s.StartPostgres(ctx, devstack.PostgresOptions{})
	}
	if err == nil {
		_, err = s.StartRedis(ctx, devstack.RedisOptions{Persist: true})
	}
	if err == nil {
		_, err = s.StartClamd(ctx, devstack.ClamdOptions{OwnSignatures: true})
	}
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// As a plain user every other test proves this already; as root one process has to step down.
func TestAPlainUserNeedsNoRoot(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	binary := filepath.Join(dir, "devstack.test")
	content, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(binary, content, 0o755))
	cmd := exec.Command(binary)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", roleEnv + "=" + roleNobody, dirEnv + "=" + filepath.Join(dir, "stack")}
	if os.Geteuid() == 0 {
		u, err := user.Lookup("nobody")
		must(t, err)
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		must(t, err)
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		must(t, err)
		must(t, os.Chown(dir, int(uid), int(gid)))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		cmd.Dir = "/"
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
