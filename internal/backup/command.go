package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"rohrpost/internal/fault"
)

const (
	killGrace = 5 * time.Second // a killed program's pipes are closed by then, whoever else holds them
	tailBytes = 4 << 10
	tailLines = 5
)

// command is one of the programs, to be run once. When ctx ends it is killed with all that it started, and so it is, on
// Linux, when we are.
type command struct {
	*exec.Cmd
	ctx    context.Context
	name   string
	errors tail
	ended  chan struct{}
	err    error // once ended is closed
}

func (p programs) command(ctx context.Context, env []string, name string, args ...string) *command {
	c := &command{ctx: ctx, name: name, ended: make(chan struct{})}
	c.Cmd = exec.CommandContext(ctx, filepath.Join(p.dir, name), args...) //nolint:gosec // an installed program
	c.Env, c.Stderr, c.WaitDelay, c.SysProcAttr = env, &c.errors, killGrace, ownGroup()
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	return c
}

// start runs it from a thread that stays until it has ended: Linux kills a child when the thread that made it is gone.
func (c *command) start() error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := c.Start()
		started <- err
		if err == nil {
			err = c.Wait()
		}
		c.err = err
		close(c.ended)
	}()
	return <-started
}

// kill ends it at once, if it has been started.
func (c *command) kill() {
	select {
	case <-c.ended:
	default:
		_ = c.Cancel() // the only error is that it has just ended
	}
}

// wait returns when it has ended, with what it said about its failure.
func (c *command) wait() error {
	<-c.ended
	switch {
	case c.err == nil:
		return nil
	case c.ctx.Err() != nil:
		return fmt.Errorf("%s: %w", c.name, context.Cause(c.ctx))
	}
	if said := c.errors.String(); said != "" {
		return fault.Wrap(c.err, fault.Unavailable, "%s failed: %s", c.name, said)
	}
	var exit *exec.ExitError
	if errors.As(c.err, &exit) {
		return fault.Wrap(c.err, fault.Unavailable, "%s ended before its work was done (%s).", c.name, exit.ProcessState)
	}
	return fmt.Errorf("%s: %w", c.name, c.err)
}

// tail keeps the end of what a program says.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := bytes.Split(bytes.TrimSpace(t.text), []byte("\n"))
	if over := len(all) - tailLines; over > 0 {
		all = all[over:]
	}
	return strings.ToValidUTF8(string(bytes.Join(all, []byte("; "))), "?")
}
