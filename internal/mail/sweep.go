package mail

import (
	"context"
	"fmt"
	"time"

	"rohrpost/db"
)

const (
	sweepBatch   = 1000             // rows a statement deletes: some milliseconds of locks
	sweepTimeout = 30 * time.Second // of one such statement on a busy database
	// keepAtLeast is the floor of what is swept: spacing out looks back a day, and people ask after a mail for longer.
	keepAtLeast = 7 * day
)

// Swept counts what [Service.Sweep] deleted.
type Swept struct {
	Mails  int64 `json:"mails"`
	Tokens int64 `json:"tokens"`
}

// Sweep deletes, in batches, mails that are older than keep, at least 7 days, and tokens that have expired. Several may
// run at once. What was swept before an error is counted.
func (s *Service) Sweep(ctx context.Context, keep time.Duration) (Swept, error) {
	before := time.Now().Add(-max(keep, keepAtLeast))
	var swept Swept
	err := batches(ctx, &swept.Mails, func(ctx context.Context) (int64, error) {
		return s.queries.DeleteOldMails(ctx, s.pool, db.DeleteOldMailsParams{Before: before, Most: sweepBatch})
	})
	if err != nil {
		return swept, fmt.Errorf("sweep mails: %w", err)
	}
	err = batches(ctx, &swept.Tokens, func(ctx context.Context) (int64, error) {
		return s.queries.DeleteExpiredMailTokens(ctx, s.pool, sweepBatch)
	})
	if err != nil {
		return swept, fmt.Errorf("sweep tokens of mails: %w", err)
	}
	return swept, nil
}

// batches runs a deletion until it finds less than a batch.
func batches(ctx context.Context, total *int64, once func(ctx context.Context) (int64, error)) error {
	for {
		within, cancel := context.WithTimeout(ctx, sweepTimeout)
		n, err := once(within)
		cancel()
		*total += n
		if err != nil || n < sweepBatch {
			return err
		}
	}
}
