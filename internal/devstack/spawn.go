package devstack

import (
	"errors"
	"os/exec"
	"runtime"
)

var errClosed = errors.New("the stack is closed")

// spawner starts every child of a stack from one goroutine that is locked to its OS thread and lives until the stack is
// closed. Linux ties the parent-death signal to the *thread* that forked, not to the process: Go's scheduler ends idle
// threads when a locked goroutine returns and moves goroutines between threads, so a child started from just anywhere
// may be told of its parent's death while the parent is well.
type spawner struct {
	requests chan spawnRequest
	quit     chan struct{}
	done     chan struct{}
}

type spawnRequest struct {
	cmd    *exec.Cmd
	result chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), quit: make(chan struct{}), done: make(chan struct{})}
	go s.loop()
	return s
}

func (s *spawner) loop() {
	// Never unlocked: returning ends the thread, which is right, for the children are stopped by then.
	runtime.LockOSThread()
	defer close(s.done)
	for {
		select {
		case r := <-s.requests:
			r.result <- r.cmd.Start()
		case <-s.quit:
			return
		}
	}
}

// start runs cmd.Start on the spawner's thread, or returns errClosed after stop.
func (s *spawner) start(cmd *exec.Cmd) error {
	r := spawnRequest{cmd: cmd, result: make(chan error, 1)}
	select {
	case s.requests <- r:
		return <-r.result
	case <-s.done:
		return errClosed
	}
}

// stop ends the thread. The children must have ended before.
func (s *spawner) stop() {
	close(s.quit)
	<-s.done
}
