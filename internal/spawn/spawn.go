// Package spawn starts children that do not outlive their parent, also when that is killed.
package spawn

import (
	"errors"
	"os/exec"
	"runtime"
)

// ErrStopped is the error of a start after Stop.
var ErrStopped = errors.New("spawn: stopped")

// Thread starts children from one goroutine that is locked to its OS thread and lives until it is stopped. Linux ties the
// parent-death signal to the *thread* that forked, not to the process: Go's scheduler ends idle threads when a locked
// goroutine returns and moves goroutines between threads, so a child started from just anywhere may be told of its parent's
// death while the parent is well.
type Thread struct {
	requests chan request
	quit     chan struct{}
	done     chan struct{}
}

type request struct {
	cmd    *exec.Cmd
	result chan error
}

// NewThread makes one. The caller stops it.
func NewThread() *Thread {
	t := &Thread{requests: make(chan request), quit: make(chan struct{}), done: make(chan struct{})}
	go t.loop()
	return t
}

func (t *Thread) loop() {
	// Never unlocked: returning ends the thread, which is right, for the children are stopped by then.
	runtime.LockOSThread()
	defer close(t.done)
	for {
		select {
		case r := <-t.requests:
			r.result <- r.cmd.Start()
		case <-t.quit:
			return
		}
	}
}

// Start runs cmd.Start on the thread, or returns ErrStopped after Stop.
func (t *Thread) Start(cmd *exec.Cmd) error {
	r := request{cmd: cmd, result: make(chan error, 1)}
	select {
	case t.requests <- r:
		return <-r.result
	case <-t.done:
		return ErrStopped
	}
}

// Stop ends the thread. The children must have ended before. It is called once.
func (t *Thread) Stop() {
	close(t.quit)
	<-t.done
}
