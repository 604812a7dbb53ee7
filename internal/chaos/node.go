package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"rohrpost/internal/devstack"
	"rohrpost/internal/pause"
)

// role is what a process does.
type role string

const (
	api       role = "api"
	worker    role = "worker"
	scheduler role = "scheduler"
)

const (
	nodeGrace  = 20 * time.Second       // of an orderly end
	watchEvery = 250 * time.Millisecond // how often it is seen to that a process lives
	startAgain = 500 * time.Millisecond // after a start that failed, for example because PostgreSQL is away
)

// node is one process of the program, with its own network to each server.
type node struct {
	name            string
	role            role
	database, cache *wire
	process         *devstack.Process

	mu   sync.Mutex // guards held
	held bool       // a fault keeps it down; otherwise it is started again when it ends
}

// start runs the subcommand for the first time. env is the whole environment but for the address to listen on.
func (n *node) start(ctx context.Context, stack *devstack.Stack, program string, env []string) (err error) {
	args := map[role][]string{api: {"api"}, worker: {"chaos", "worker"}, scheduler: {"scheduler"}}[n.role]
	n.process, err = stack.StartProgram(ctx, devstack.Program{
		Name: n.name, Says: `"msg":"ready"`, Grace: nodeGrace,
		Command: func(address string) *exec.Cmd {
			cmd := exec.Command(program, args...)
			own, other := "METRICS_ADDR", "API_ADDR"
			if n.role == api {
				own, other = other, own
			}
			cmd.Env = append(env, own+"="+address, other+"=127.0.0.1:0")
			return cmd
		},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	return nil
}

// kill is kill -9; the process stays down until it is revived.
func (n *node) kill() {
	n.mu.Lock()
	n.held = true
	n.mu.Unlock()
	n.process.Kill()
}

// revive starts a process that is down, as a supervisor of services does: until it is up.
func (n *node) revive(ctx context.Context) error {
	defer func() {
		n.mu.Lock()
		n.held = false
		n.mu.Unlock()
	}()
	for {
		err := n.process.Start(ctx)
		if err == nil {
			return nil
		}
		if e := pause.For(ctx, startAgain); e != nil {
			return fmt.Errorf("start %s again: %w", n.name, err)
		}
	}
}

// freeze stops the process where it is, as a machine that swaps or a paused VM does.
func (n *node) freeze() error { return n.signal(syscall.SIGSTOP) }

func (n *node) thaw() error { return n.signal(syscall.SIGCONT) }

func (n *node) signal(sig syscall.Signal) error {
	pid := n.process.Pid()
	if pid == 0 {
		return nil // it has ended, and watch tells
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	if err := p.Signal(sig); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	return nil
}

// watch starts the process again whenever it ends, and tells when nobody had ended it.
func (n *node) watch(ctx context.Context, ended func(name string)) {
	for pause.For(ctx, watchEvery) == nil {
		n.mu.Lock()
		if n.held || n.process.Pid() != 0 {
			n.mu.Unlock()
			continue
		}
		n.held = true
		n.mu.Unlock()
		ended(n.name)
		if err := n.revive(ctx); err != nil {
			return
		}
	}
}
