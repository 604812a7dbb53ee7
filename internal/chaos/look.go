package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	askWithin = 5 * time.Second // one try
	askAgain  = 500 * time.Millisecond
	askTries  = 12
)

// ever is later than any job was created.
var ever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// ask has a question answered by our own door, and is patient: a machine that is busy with what a fault left behind is no
// reason to give up a run.
func (s *stage) ask(ctx context.Context, question func(ctx context.Context) error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, askWithin)
		defer cancel()
		return struct{}{}, question(ctx)
	}, backoff.WithBackOff(backoff.NewConstantBackOff(askAgain)), backoff.WithMaxTries(askTries))
	if err != nil {
		return fmt.Errorf("look at the jobs: %w", err)
	}
	return nil
}

// unfinished counts the jobs created until then that have not ended.
func (s *stage) unfinished(ctx context.Context, created time.Time) (n int64, err error) {
	err = s.ask(ctx, func(ctx context.Context) error {
		return s.pool.QueryRow(ctx,
			`SELECT count(*) FROM jobs WHERE created_at <= $1 AND state IN ('queued', 'running')`, created).Scan(&n)
	})
	return n, err
}
