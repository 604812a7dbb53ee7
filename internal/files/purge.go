package files

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// purgeDelay lets a handler that was stopped at the same moment come to its end first.
const purgeDelay = time.Minute

// enqueuePurge has keys removed that the record of a file stops naming with tx, and never names again.
func enqueuePurge(ctx context.Context, tx pgx.Tx, id uuid.UUID, keys []string) error {
	at := time.Now().Add(purgeDelay)
	if _, err := queue.Enqueue(ctx, tx, tasks.Purge, tasks.PurgeArgs{FileID: id, Keys: keys}, queue.At(at)); err != nil {
		return fmt.Errorf("purge of %s: %w", id, err)
	}
	return nil
}

// Purge runs a [tasks.Purge].
func (s *Service) Purge(ctx context.Context, job *queue.Job[tasks.PurgeArgs]) (any, error) {
	return nil, s.purge(ctx, job.Args)
}

// purgeNow does what the purge job is going to do, for whoever looks at the storage before that.
func (s *Service) purgeNow(ctx context.Context, id uuid.UUID, keys []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := s.purge(ctx, tasks.PurgeArgs{FileID: id, Keys: keys}); err != nil {
		s.log.Warn("content not removed yet, its purge job will", "file", id, "err", err)
	}
}

// purge removes what the record of a file doesn't name. Twice is fine.
func (s *Service) purge(ctx context.Context, args tasks.PurgeArgs) error {
	keys := args.Keys
	file, err := s.queries.FileByID(ctx, s.pool, args.FileID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		if len(keys) == 0 { // a job of the release before, which named none
			keys = allKeys(db.File{ID: args.FileID})
		}
	case err != nil:
		return fmt.Errorf("purge %s: %w", args.FileID, err)
	default:
		if len(keys) == 0 && file.Status == Quarantined {
			keys = append(thumbnailKeys(file.ID, 0), uploadKey(file.ID))
		}
		keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key == file.BlobKey })
	}
	if err := s.bucket.Delete(ctx, keys...); err != nil {
		return fmt.Errorf("purge %s: %w", args.FileID, err)
	}
	return nil
}
