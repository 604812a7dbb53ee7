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

// Sweeper deletes what is of no use to any login any more. It needs no secret. Several may run at once.
type Sweeper struct {
	pool    *db.Pool
	queries *db.Queries
	ttl     time.Duration // of refresh tokens
	now     func() time.Time
}

// NewSweeper makes a sweeper for a service with the same config, of which only AUTH_REFRESH_TTL counts.
func NewSweeper(pool *db.Pool, cfg Config) *Sweeper {
	return &Sweeper{pool: pool, queries: db.New(), ttl: cfg.refreshTTL(), now: time.Now}
}

// Sessions deletes, in batches, sessions that have expired. What was deleted before an error is counted. A dry run only
// counts.
func (s *Sweeper) Sessions(ctx context.Context, dry bool) (n int64, err error) {
	if dry {
		n, err = s.queries.CountExpiredSessions(ctx, s.pool)
	} else {
		err = batches(ctx, &n, func(ctx context.Context) (int64, error) {
			return s.queries.DeleteExpiredSessions(ctx, s.pool, sweepBatch)
		})
	}
	if err != nil {
		return n, fmt.Errorf("sweep sessions: %w", err)
	}
	return n, nil
}

// RefreshTokens deletes, in batches, refresh tokens that were used longer ago than a refresh token is good. What was
// deleted before an error is counted. A dry run only counts.
func (s *Sweeper) RefreshTokens(ctx context.Context, dry bool) (n int64, err error) {
	before := s.now().Add(-s.ttl)
	if dry {
		n, err = s.queries.CountUsedRefreshTokens(ctx, s.pool, &before)
	} else {
		err = batches(ctx, &n, func(ctx context.Context) (int64, error) {
			return s.queries.DeleteUsedRefreshTokens(ctx, s.pool,
				db.DeleteUsedRefreshTokensParams{Before: &before, Most: sweepBatch})
		})
	}
	if err != nil {
		return n, fmt.Errorf("sweep refresh tokens: %w", err)
	}
	return n, nil
}

// Sweep is both of a [Sweeper].
func (s *Service) Sweep(ctx context.Context) (swept Swept, err error) {
	sweeper := &Sweeper{pool: s.pool, queries: s.queries, ttl: s.cfg.RefreshTTL, now: s.now}
	if swept.Sessions, err = sweeper.Sessions(ctx, false); err != nil {
		return swept, err
	}
	swept.RefreshTokens, err = sweeper.RefreshTokens(ctx, false)
	return swept, err
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
