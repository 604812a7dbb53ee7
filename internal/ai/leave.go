package ai

import (
	"context"
	"time"
)

// Ollama 0.17 hands each chunk from the model to the connection without listening for the client to leave. One that
// leaves while a chunk is on its way there leaves the model's slot taken for ever, and every later question waits in
// vain. That window is short and lies right before a chunk; so after a stop we go on reading for a moment (a short
// answer ends by itself meanwhile) and then leave right after a chunk, when the next one is as far away as can be.
const (
	drain = 300 * time.Millisecond // how long to go on reading after a stop
	abort = 600 * time.Millisecond // when to leave without waiting for a chunk; a stop takes effect within a second
)

// exchange is the life of one request to the model server.
type exchange struct {
	ctx   context.Context // of the request
	cut   context.CancelCauseFunc
	ready chan struct{} // closed when it is time to leave with the next chunk
	over  chan struct{} // closed when the request has ended
	ended chan struct{} // closed when the goroutine has
}

// open makes an exchange that outlives ctx by the time it takes to leave with care. It holds one goroutine until close.
func open(ctx context.Context) *exchange {
	e := &exchange{ready: make(chan struct{}), over: make(chan struct{}), ended: make(chan struct{})}
	e.ctx, e.cut = context.WithCancelCause(context.WithoutCancel(ctx))
	go e.watch(ctx)
	return e
}

func (e *exchange) watch(ctx context.Context) {
	defer close(e.ended)
	select {
	case <-e.over:
		return
	case <-ctx.Done():
	}
	if !e.goesOn(drain) {
		return
	}
	close(e.ready)
	if e.goesOn(abort - drain) {
		e.cut(context.Cause(ctx))
	}
}

// goesOn tells whether the request is still under way after d.
func (e *exchange) goesOn(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-e.over:
		return false
	case <-timer.C:
		return true
	}
}

// due tells whether to leave now.
func (e *exchange) due() bool {
	select {
	case <-e.ready:
		return true
	default:
		return false
	}
}

func (e *exchange) close() {
	close(e.over)
	<-e.ended
	e.cut(nil)
}
