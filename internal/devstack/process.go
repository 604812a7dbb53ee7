package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"rohrpost/internal/pause"
)

const (
	bindTries = 5                      // starts on a port that somebody else took in between
	bindPause = 100 * time.Millisecond // before the same port is tried again
)

// Process is one server of a stack. Stop and Start may follow each other as often as one likes; the port and the data
// stay the same. All methods may be called from several goroutines.
type Process struct {
	stack   *Stack
	name    string
	folder  string
	as      *account
	command func(port int) (*exec.Cmd, error)               // a fresh command for each start
	probe   func(ctx context.Context, address string) error // nil once the server answers in its own protocol
	// announced is what the server logs once it has its port, for those whose protocol knows no password: without it a
	// stranger's server on the same port could pass for ours. %PORT% stands for the port.
	announced string
	within    time.Duration    // how long a start may take
	stops     []syscall.Signal // sent one after the other, each with the time of grace; SIGKILL is the last
	grace     time.Duration

	mu   sync.Mutex // guards port and run, and is held during Start and Stop
	port int
	run  *run
}

// run is one life of the server.
type run struct {
	pid      int
	stopping chan struct{} // closed by Stop
	done     chan struct{} // closed once the process is reaped
	up       atomic.Bool   // it has answered: from then on an end without Stop is a surprise
	from     int64         // where its part of the log begins
}

// Address is host:port of the server, the same for all its lives.
func (p *Process) Address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return address(p.port)
}

// Pid is the process id of the server, 0 while it is stopped or after it ended by itself.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.alive() {
		return 0
	}
	return p.run.pid
}

// LogFile is the path of the file that the server's output goes to.
func (p *Process) LogFile() string { return filepath.Join(p.stack.dir, p.name+".log") }

// Start starts the server on its old port with its old data and returns when it answers. Starting a running one does
// nothing. If it ends early the error carries its last lines.
func (p *Process) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.within)
	defer cancel()
	fixed := p.port != 0
	for try := 1; ; try++ {
		if !fixed {
			var err error
			if p.port, err = freePort(); err != nil {
				return fmt.Errorf("start %s: %w", p.name, err)
			}
		}
		err := p.launch(ctx)
		if err == nil {
			p.stack.log.Debug("server started", "server", p.name, "address", address(p.port), "pid", p.run.pid)
			return nil
		}
		var taken *portTakenError
		if !errors.As(err, &taken) || try == bindTries {
			if !fixed {
				p.port = 0
			}
			return fmt.Errorf("start %s: %w", p.name, err)
		}
		if fixed {
			_ = pause.For(ctx, bindPause) // the next try looks at ctx
		}
	}
}

// Stop asks the server to end, in its orderly way, and waits until it has. One that doesn't within its grace, or when
// ctx ends, is killed. Stopping a stopped one does nothing.
func (p *Process) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run == nil {
		return nil
	}
	r := p.run
	p.run = nil
	close(r.stopping)
	for _, sig := range p.stops {
		signal(r, sig)
		// A server that a fault test froze would not read its signal before it is thawed.
		signal(r, syscall.SIGCONT)
		grace := time.NewTimer(p.grace)
		select {
		case <-r.done:
			grace.Stop()
			return nil
		case <-ctx.Done():
			grace.Stop()
		case <-grace.C:
		}
	}
	p.stack.log.Warn("server killed, it did not stop", "server", p.name, "pid", r.pid)
	signal(r, syscall.SIGKILL)
	<-r.done
	return nil
}

// Kill ends the server as a crash would, with SIGKILL, and returns when it is gone.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run == nil {
		return
	}
	r := p.run
	p.run = nil
	close(r.stopping)
	signal(r, syscall.SIGKILL)
	<-r.done
}

// Restart is Stop and Start.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Stop(ctx); err != nil {
		return err
	}
	return p.Start(ctx)
}

func (p *Process) alive() bool {
	if p.run == nil {
		return false
	}
	select {
	case <-p.run.done:
		return false
	default:
	}
	if ended(p.run.pid) { // just now, and reap is about to see it
		<-p.run.done
		return false
	}
	return true
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// signal reaches the server's whole group for SIGKILL and the server alone otherwise: it tells its children itself.
func signal(r *run, sig syscall.Signal) {
	select {
	case <-r.done:
		return // the number may be somebody else's by now
	default:
	}
	pid := r.pid
	if sig == syscall.SIGKILL {
		pid = -pid
	}
	syscall.Kill(pid, sig) //nolint:errcheck // the only error is that it has just ended
}
