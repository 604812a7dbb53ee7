package devstack

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

const programWithin = 30 * time.Second

// Program is a process of the caller's own making that is to live no longer than the stack.
type Program struct {
	Name string // of its log file; a second one of the same name is numbered
	// Command makes a fresh command for each start. The program is to listen on the port of 127.0.0.1.
	Command func(port int) (*exec.Cmd, error)
	// Says is what it logs once it is ready; empty where listening is enough.
	Says  string
	Grace time.Duration // between SIGTERM and SIGKILL
}

// StartProgram starts a program; it counts as ready once it listens and has said so.
func (s *Stack) StartProgram(ctx context.Context, program Program) (*Process, error) {
	name := s.name(program.Name)
	home, err := s.home(name, nil)
	if err != nil {
		return nil, err
	}
	p := &Process{
		stack: s, name: name, folder: home, within: programWithin, grace: program.Grace, announced: program.Says,
		stops: []syscall.Signal{syscall.SIGTERM}, command: program.Command,
		probe: func(ctx context.Context, address string) error {
			_, end, err := dial(ctx, address)
			if err == nil {
				end()
			}
			return err
		},
	}
	if err := s.add(p); err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}
