package accounts

import (
	"context"
	"fmt"
	"time"

	"rohrpost/db"
)

const (
	sweepBatch   = 1000             // rows a statement deletes: some milliseconds of locks
	sweepTimeout = 30 * time.Second // of one such statement on a busy database
)

// Swept counts what [Service.Sweep] deleted.
type Swept struct {
	Sessions      int64 `json:"sessions"`
	RefreshTokens int64 `json:"refresh_tokens"` // of sessions that go on
}

// Sweep deletes, in batches, sessions that have expired and refresh tokens that were used longer ago than a refresh token
// is good. Several may run at once. What was swept before an error is counted.
func (s *Service) Sweep(ctx context.Context) (Swept, error) {
	var swept Swept
	err := batches(ctx, &swept.Sessions, func(ctx context.Context) (int64, error) {
		return s.queries.DeleteExpiredSessions(ctx, s.pool, sweepBatch)
	})
	if err != nil {
		return swept, fmt.Errorf("sweep sessions: %w", err)
	}
	before := s.now().Add(-s.cfg.RefreshTTL)
	err = batches(ctx, &swept.RefreshTokens, func(ctx context.Context) (int64, error) {
		return s.queries.DeleteUsedRefreshTokens(ctx, s.pool,
			db.DeleteUsedRefreshTokensParams{Before: &before, Most: sweepBatch})
	})
	if err != nil {
		return swept, fmt.Errorf("sweep refresh tokens: %w", err)
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
