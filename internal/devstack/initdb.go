package devstack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const initdbWithin = 60 * time.Second // 0.6 s on an idle machine

// cluster is the data folder of a PostgreSQL.
type cluster struct {
	stack      *Stack
	bin        string // folder of initdb and postgres
	home, data string
	as         *account
	durable    bool
}

// ensure makes the cluster unless it is there, and returns its superuser's password, which is kept at passwordFile.
func (c *cluster) ensure(ctx context.Context, passwordFile string) (string, error) {
	_, err := os.Stat(filepath.Join(c.data, "PG_VERSION"))
	if err == nil {
		if _, err := os.Stat(passwordFile); err != nil {
			return "", fmt.Errorf("the password of %s is gone: %w", c.data, err)
		}
		return secret(passwordFile)
	}
	if !c.durable {
		if password, ok := c.fromCache(passwordFile); ok {
			return password, nil
		}
	}
	password, err := secret(passwordFile)
	if err != nil {
		return "", err
	}
	// Made aside and renamed, so that a run killed in the middle leaves no half cluster.
	partial := c.data + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", fmt.Errorf("initdb: %w", err)
	}
	if err := c.initdb(ctx, partial, password); err != nil {
		return "", fmt.Errorf("initdb: %w", err)
	}
	if err := os.Rename(partial, c.data); err != nil {
		return "", fmt.Errorf("initdb: %w", err)
	}
	if !c.durable {
		c.toCache(password)
	}
	return password, nil
}

func (c *cluster) initdbArgs() []string {
	args := []string{
		"--username=" + postgresUser, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
	}
	if !c.durable {
		args = append(args, "--no-sync")
	}
	return args
}

func (c *cluster) initdb(ctx context.Context, data, password string) error {
	verifier, err := scramVerifier(password)
	if err != nil {
		return err
	}
	// initdb reads it from a file of its own user; an argument could be read by everybody.
	pwfile := filepath.Join(c.home, "initdb.password")
	if err := c.as.writeFile(pwfile, []byte(verifier+"\n")); err != nil {
		return err
	}
	defer os.Remove(pwfile) //nolint:errcheck // it is in a private folder
	ctx, cancel := context.WithTimeout(ctx, initdbWithin)
	defer cancel()
	args := append(c.initdbArgs(), "--pgdata="+data, "--pwfile="+pwfile)
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), args...) //nolint:gosec // an installed program
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.Dir = &out, &out, c.environ(), c.home
	cmd.SysProcAttr = sysProc(c.as, syscall.SIGKILL)
	if err := c.stack.spawner.Start(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, tail(out.Bytes()))
	}
	return nil
}

// dropStalePid removes the pid file of a server that was killed, where its number now belongs to somebody else, which
// postgres would take for a running server. A pid file whose process is gone postgres removes by itself; one whose
// process is a server of this folder stays, and postgres refuses to start beside it.
func (c *cluster) dropStalePid() error {
	path := filepath.Join(c.data, "postmaster.pid")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil // nobody left one
	}
	pid, _, _ := strings.Cut(string(text), "\n")
	cmdline, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(pid), "cmdline"))
	if err != nil || bytes.Contains(cmdline, []byte(c.data)) {
		return nil
	}
	return os.Remove(path)
}
