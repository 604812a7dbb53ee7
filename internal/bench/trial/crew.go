package trial

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// startWait is after how long jobs that have not started are lost.
const startWait = 2 * time.Minute

// shared has fn called once for each number below n, by some goroutines at a time. The first error ends it.
func shared(goroutines, n int, fn func(n int) error) error {
	var next atomic.Int64
	var group errgroup.Group
	var failed atomic.Bool
	for range goroutines {
		group.Go(func() error {
			for !failed.Load() {
				at := int(next.Add(1)) - 1
				if at >= n {
					return nil
				}
				if err := fn(at); err != nil {
					failed.Store(true)
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// count is done when add was called often enough.
type count struct {
	goal    int64
	n       atomic.Int64
	reached chan struct{}
}

func newCount(goal int) *count { return &count{goal: int64(goal), reached: make(chan struct{})} }

func (c *count) add() {
	if c.n.Add(1) == c.goal {
		close(c.reached)
	}
}

func (c *count) await(ctx context.Context) error {
	timer := time.NewTimer(startWait)
	defer timer.Stop()
	select {
	case <-c.reached:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return fmt.Errorf("%d of %d jobs started within %s", c.n.Load(), c.goal, startWait)
	}
}
