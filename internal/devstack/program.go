package devstack

import (
	"context"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

const (
	programWithin = 30 * time.Second // a start takes under a second on an idle machine
	programGrace  = 20 * time.Second // to finish what is under way
)

// StartProgram starts any server as one of the stack. command makes it anew for each start, to listen at an address on
// loopback; probe returns nil once it answers there. It stops at SIGTERM.
func (s *Stack) StartProgram(ctx context.Context, kind string, command func(address string) *exec.Cmd,
	probe func(ctx context.Context, address string) error) (*Process, error) {
	name := s.name(kind)
	home, err := s.home(name, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", kind, err)
	}
	p := &Process{
		stack: s, name: name, folder: home, within: programWithin, grace: programGrace,
		stops: []syscall.Signal{syscall.SIGTERM}, probe: probe,
		command: func(port int) (*exec.Cmd, error) { return command(address(port)), nil },
	}
	if err := s.add(p); err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}
