package chaos

import (
	"context"
	"time"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// Queue is where the transfers wait; only the workers of a run serve it.
const Queue = "chaos"

// transfer is the kind of job whose effect can be counted.
var transfer = queue.Kind[order]{Name: "chaos:transfer", Queue: Queue, MaxAttempts: 50, Timeout: 30 * time.Second}

// order is one transfer of 1.
type order struct {
	Number int64 `json:"number"`
	From   int   `json:"from"`
	To     int   `json:"to"`
	TakeMS int   `json:"take_ms"` // how long the work takes before the books are touched
}

// refused is a transfer that fails for good, so that failures are among the work.
func (o order) refused() bool { return o.Number%50 == 7 }

// flaky is a transfer whose first attempt fails.
func (o order) flaky() bool { return o.Number%25 == 3 }

// talks is a transfer that tells of its progress. Each of them has a live stream, which stays in Redis for two hours.
func (o order) talks() bool { return o.Number%20 == 11 }

// alone is a transfer that has a transaction to itself; others share one with those that are booked at the same time.
func (o order) alone() bool { return o.Number%4 == 0 }

// Bind has a worker know the transfers.
func Bind(mux *queue.Mux, pool *db.Pool) {
	ledger := newLedger(pool)
	queue.Handle(mux, transfer, func(ctx context.Context, job *queue.Job[order]) (any, error) {
		o := job.Args
		switch {
		case o.refused():
			return nil, fault.New(fault.Invalid, "The bank refuses transfer %d.", o.Number)
		case o.flaky() && job.Attempt() == 1:
			return nil, fault.New(fault.Unavailable, "The bank is closed.")
		}
		if o.talks() {
			if err := job.Progress(ctx, map[string]int{"from": o.From}); err != nil {
				return nil, err
			}
		}
		took := time.NewTimer(time.Duration(o.TakeMS) * time.Millisecond)
		defer took.Stop()
		select {
		case <-took.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return nil, ledger.move(ctx, entry{job.Run, o})
	})
}
