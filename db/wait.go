package db

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"rohrpost/internal/fault"
)

// ErrBusy says that no connection became free within Config.Wait. It is worth another try: HTTP answers 503 with
// Retry-After, the queue backs off.
var ErrBusy = fault.New(fault.Unavailable, "There is more to do right now than the database can. Try again in a moment.")

// waiter bounds the wait for a connection. pgx asks it at the start of each Acquire, those behind Begin, Query and Exec
// included, and goes on with the context that it returns.
type waiter struct {
	most    time.Duration
	refused atomic.Int64 // waits that ended with ErrBusy
}

// patientKey marks the context of a call whose caller sets the bound.
type patientKey struct{}

// patiently exempts a call from the bound: at the start of a process, nobody stands behind it in a queue.
func patiently(ctx context.Context) context.Context {
	return context.WithValue(ctx, patientKey{}, true)
}

// TraceAcquireStart implements [pgxpool.AcquireTracer].
func (w *waiter) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	if ctx.Value(patientKey{}) != nil {
		return ctx
	}
	inner, stop := context.WithTimeoutCause(ctx, w.most, ErrBusy)
	return &wait{Context: inner, stop: stop}
}

// TraceAcquireEnd implements [pgxpool.AcquireTracer].
func (w *waiter) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	bounded, ok := ctx.(*wait)
	if !ok {
		return
	}
	bounded.stop()
	if errors.Is(data.Err, ErrBusy) {
		w.refused.Add(1)
	}
}

// wait is the context of one Acquire. When its own time is over it says ErrBusy, which pgx hands to the caller, and not
// DeadlineExceeded, which would look like the caller's deadline.
type wait struct {
	context.Context
	stop context.CancelFunc
}

// Err implements [context.Context].
func (w *wait) Err() error {
	err := w.Context.Err()
	if err != nil && errors.Is(context.Cause(w.Context), ErrBusy) {
		return ErrBusy
	}
	return err
}
