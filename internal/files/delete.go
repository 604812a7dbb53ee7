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
	return s.delete(ctx, func(tx pgx.Tx) (db.File, error) {
		file, err := s.queries.DeleteFile(ctx, tx, db.DeleteFileParams{ID: id, Owner: owner})
		if errors.Is(err, pgx.ErrNoRows) {
			return db.File{}, notFound()
		}
		if err != nil {
			return db.File{}, fmt.Errorf("delete file %s: %w", id, err)
		}
		return file, nil
	})
}

// delete does what follows when row has deleted the record of a file.
func (s *Service) delete(ctx context.Context, row func(tx pgx.Tx) (db.File, error)) error {
	var file db.File
	var cancelled []db.Job
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		cancelled = nil
		if file, err = row(tx); err != nil {
			return err
		}
		if cancelled, err = s.cancelJobs(ctx, tx, file); err != nil {
			return err
		}
		return enqueuePurge(ctx, tx, file.ID, allKeys(file))
	})
	if err != nil {
		return err
	}
	for _, job := range cancelled {
		s.engine.Cancelled(ctx, job)
	}
	s.purgeNow(ctx, file.ID, allKeys(file))
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
