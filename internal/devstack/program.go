package devstack

import (
	"context"
	"os/exec"
	"syscall"
	"time"
)

const (
	programWithin = 30 * time.Second // a start takes under a second on an idle machine
	programGrace  = 20 * time.Second // to finish what is under way
)

// Program is a process of the caller's own making that is to live no longer than the stack. It stops at SIGTERM.
type Program struct {
	Name string // of its log file; a second one of the same name is numbered
	// Command makes it anew for each start, to listen at an address on loopback.
	Command func(address string) *exec.Cmd
	// Probe returns nil once the program answers at its address; nil takes listening as an answer.
	Probe func(ctx context.Context, address string) error
	// Says is what it logs once it is ready; empty where the probe is enough.
	Says string
	// Grace is the time between SIGTERM and SIGKILL. 0 takes 20 s.
	Grace time.Duration
}

// StartProgram starts a program, and returns when it is ready.
func (s *Stack) StartProgram(ctx context.Context, program Program) (*Process, error) {
	name := s.name(program.Name)
	home, err := s.home(name, nil)
	if err != nil {
		return nil, err
	}
	p := &Process{
		stack: s, name: name, folder: home, within: programWithin, grace: program.Grace, announced: program.Says,
		stops: []syscall.Signal{syscall.SIGTERM}, probe: program.Probe,
		command: func(port int) (*exec.Cmd, error) { return program.Command(address(port)), nil },
	}
	if p.grace <= 0 {
		p.grace = programGrace
	}
	if p.probe == nil {
		p.probe = listens
	}
	if err := s.add(p); err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}

func listens(ctx context.Context, address string) error {
	_, end, err := dial(ctx, address)
	if err == nil {
		end()
	}
	return err
}
