package bench

import (
	"context"
	"time"
)

// subject is an engine under test. started is called by its no-op handler, as the first thing, with the job's number.
type subject interface {
	name() string
	// enqueue puts jobs numbered from first to first+n-1 into the queue.
	enqueue(ctx context.Context, first, n int) error
	// work starts a worker and returns how to stop it.
	work(ctx context.Context, started func(n int)) (stop func() error, err error)
	// ended tells how many jobs have come to their end since the last reset, by its own record.
	ended(ctx context.Context) (int, error)
	reset(ctx context.Context) error
}

const (
	queueName   = "bench"
	concurrency = 32
	poll        = 20 * time.Millisecond // how often an idle worker of either looks for work
)
