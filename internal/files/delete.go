package files

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Delete removes a file of owner: its record and its unfinished jobs at once, then its content. Errors: not_found. What
// can't be removed from the storage now is removed later.
func (s *Service) Delete(ctx context.Context, owner, id uuid.UUID) error {
	var cancelled []db.Job
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		cancelled = nil
		file, err := s.queries.DeleteFile(ctx, tx, db.DeleteFileParams{ID: id, Owner: owner})
		if errors.Is(err, pgx.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return fmt.Errorf("delete file %s: %w", id, err)
		}
		if cancelled, err = s.cancelJobs(ctx, tx, file); err != nil {
			return err
		}
		return enqueuePurge(ctx, tx, id)
	})
	if err != nil {
		return err
	}
	for _, job := range cancelled {
		s.engine.Cancelled(ctx, job)
	}
	s.purgeNow(ctx, id)
	return nil
}

// cancelJobs cancels the jobs that work on a file. Without an engine they find out for themselves that it is gone.
func (s *Service) cancelJobs(ctx context.Context, tx pgx.Tx, file db.File) (cancelled []db.Job, err error) {
	if s.engine == nil {
		return nil, nil
	}
	jobs := []uuid.UUID{file.JobID}
	thumbs, err := s.queries.UnfinishedUniqueJob(ctx, tx, db.UnfinishedUniqueJobParams{
		Kind: tasks.Thumbnail.Name, UniqueKey: file.ID.String(),
	})
	if err == nil {
		jobs = append(jobs, thumbs.ID)
	} else if !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("jobs of %s: %w", file.ID, err)
	}
	for _, id := range jobs {
		job, err := queue.CancelTx(ctx, tx, s.engine, id, "The file was deleted.")
		switch fault.CodeOf(err) {
		case "":
			cancelled = append(cancelled, job)
		case queue.Ended:
		default:
			return nil, fmt.Errorf("jobs of %s: %w", file.ID, err)
		}
	}
	return cancelled, nil
}

// Purge runs a [tasks.Purge].
func (s *Service) Purge(ctx context.Context, job *queue.Job[tasks.PurgeArgs]) (any, error) {
	return nil, s.purge(ctx, job.Args.FileID)
}

// purgeNow does what the purge job is going to do, for whoever looks at the storage before that.
func (s *Service) purgeNow(ctx context.Context, id uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := s.purge(ctx, id); err != nil {
		s.log.Warn("content not removed yet, its purge job will", "file", id, "err", err)
	}
}

// purge removes what the record of a file doesn't name. Twice is fine.
func (s *Service) purge(ctx context.Context, id uuid.UUID) error {
	file, err := s.queries.FileByID(ctx, s.pool, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		err = s.bucket.Delete(ctx, allKeys(id)...)
	case err == nil && file.Status == Quarantined:
		err = s.bucket.Delete(ctx, append(thumbnailKeys(id), uploadKey(id))...)
	}
	if err != nil {
		return fmt.Errorf("purge %s: %w", id, err)
	}
	return nil
}
