package formation

import (
	"fmt"
	"log/slog"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"

	"rohrpost/internal/spawn"
)

const (
	firstPause = 500 * time.Millisecond // before a process that ended by itself is started again
	mostPause  = 30 * time.Second
	// steady is how long a process has to run until its next end by itself counts as the first one.
	steady = time.Minute
	// pipesEnd is how long what a process left behind may hold its output open.
	pipesEnd = time.Second
)

// member is one place in the formation: one process after the other, until it is told to stop.
type member struct {
	name string // such as worker-ai.1
	log  *slog.Logger
	quit chan struct{} // closed by stop
	once sync.Once
	done chan struct{} // closed when its last process has ended
}

func (m *member) stop()          { m.once.Do(func() { close(m.quit) }) }
func (m *member) stopping() bool { return closed(m.quit) }
func (m *member) ended() bool    { return closed(m.done) }

func closed(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}

// member starts one. The formation's lock is held.
func (f *Formation) member(l Line, port, number int) *member {
	name := fmt.Sprintf("%s.%d", l.Name, number)
	m := &member{
		name: name, log: f.opts.Log.With("process", name, "port", port), quit: make(chan struct{}), done: make(chan struct{}),
	}
	f.members.Go(func() {
		defer close(m.done)
		f.keep(m, l.Command, port)
	})
	return m
}

// keep runs processes until the member is to stop. One that ends by itself is started again after a pause that grows.
func (f *Formation) keep(m *member, command string, port int) {
	pause := &backoff.ExponentialBackOff{
		InitialInterval: firstPause, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: mostPause,
	}
	for {
		began := time.Now()
		err := f.run(m, command, port)
		if m.stopping() {
			return
		}
		if time.Since(began) > steady {
			pause.Reset()
		}
		after := pause.NextBackOff()
		m.log.Warn("a process ended by itself and is started again", "after", after, "end", err)
		again := time.NewTimer(after)
		select {
		case <-again.C:
		case <-m.quit:
			again.Stop()
			return
		}
	}
}

// run runs one process to its end, which it brings about once the member is to stop.
func (f *Formation) run(m *member, command string, port int) error {
	out := &prefixed{to: f.opts.Out, mu: &f.out, prefix: m.name + " | "}
	defer out.flush()
	cmd := exec.Command("/bin/sh", "-c", command) //nolint:gosec // the Procfile is the operator's own
	cmd.Env = append(f.opts.Env[:len(f.opts.Env):len(f.opts.Env)], fmt.Sprintf("PORT=%d", port))
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out, out, pipesEnd
	// A worker whose parent was killed hands back what it has, and ends.
	cmd.SysProcAttr = spawn.Group(syscall.SIGTERM)
	if err := f.thread.Start(cmd); err != nil {
		return err
	}
	m.log.Info("process started", "pid", cmd.Process.Pid)
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }()
	select {
	case err := <-over:
		return err
	case <-m.quit:
	}
	group := -cmd.Process.Pid
	syscall.Kill(group, syscall.SIGTERM) //nolint:errcheck // the only error is that it has just ended
	grace := time.NewTimer(f.opts.Grace)
	defer grace.Stop()
	select {
	case err := <-over:
		m.log.Info("process stopped")
		return err
	case <-grace.C:
	}
	m.log.Warn("process killed, it did not stop", "grace", f.opts.Grace)
	syscall.Kill(group, syscall.SIGKILL) //nolint:errcheck // as above
	return <-over
}
