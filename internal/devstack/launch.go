package devstack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	leftoverEnd = 20 * time.Second // a killed run's server finishes its own shutdown in that time
	logBound    = 10 << 20         // bytes of log after which it is set aside as .old
)

// launch runs the server once on p.port and waits until it answers.
func (p *Process) launch(ctx context.Context) error {
	// The lock is inherited by the server and everything it forks, so having it means that nothing of an earlier life
	// is left, be it one that we lost or one of a killed run that is still shutting down.
	lockCtx, cancel := context.WithTimeout(ctx, leftoverEnd)
	lock, err := waitLock(lockCtx, filepath.Join(p.stack.dir, p.name+".lock"))
	cancel()
	if err != nil {
		return fmt.Errorf("wait for the end of an earlier one: %w", err)
	}
	defer lock.Close() //nolint:errcheck // the server holds its own copy
	out, from, err := openLog(p.LogFile())
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the server holds its own copy
	cmd, err := p.command(p.port)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles, cmd.Dir = out, out, []*os.File{lock}, p.folder
	cmd.SysProcAttr = sysProc(p.as, p.stops[0])
	if err := p.stack.spawner.Start(cmd); err != nil {
		return err
	}
	r := &run{pid: cmd.Process.Pid, stopping: make(chan struct{}), done: make(chan struct{}), from: from}
	go p.reap(cmd, r)
	p.run = r
	if err := p.await(ctx, r); err != nil {
		p.run = nil
		close(r.stopping)
		signal(r, syscall.SIGKILL)
		<-r.done
		return err
	}
	r.up.Store(true)
	return nil
}

// reap waits for the end of one life and takes the server's own children along.
func (p *Process) reap(cmd *exec.Cmd, r *run) {
	defer close(r.done)
	awaitExit(r.pid)
	// The group outlives its leader: an Ollama that was killed leaves its runners. Not yet reaped, the leader still
	// keeps the number from being somebody else's.
	syscall.Kill(-r.pid, syscall.SIGKILL) //nolint:errcheck // usually nobody is left
	err := cmd.Wait()
	select {
	case <-r.stopping:
		return
	default:
	}
	if r.up.Load() {
		p.stack.log.Error("server ended by itself", "server", p.name, "pid", r.pid, "error", err,
			"log", tail(logSince(p.LogFile(), r.from)))
	}
}

// openLog opens a server's log for appending and says where its new part begins.
func openLog(path string) (*os.File, int64, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > logBound {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, 0, err
		}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return nil, 0, err
	}
	return f, info.Size(), nil
}
