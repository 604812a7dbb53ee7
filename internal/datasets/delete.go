package datasets

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Delete removes a dataset that viewer may see: its record and its unfinished job at once, then its files. Errors:
// not_found. What can't be removed from the storage now is removed later.
func (s *Service) Delete(ctx context.Context, viewer Viewer, id uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var cancelled *db.Job
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		cancelled = nil
		dataset, err := s.queries.DeleteDataset(ctx, tx, db.DeleteDatasetParams{ID: id, Viewer: viewer.ID, IsAdmin: viewer.Admin})
		if errors.Is(err, pgx.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return fmt.Errorf("delete dataset %s: %w", id, err)
		}
		if dataset.Scope == Everyone {
			entry := audit.Entry{Action: "dataset.delete", Target: id.String()}
			if err := audit.Record(ctx, tx, viewer.actor(), entry); err != nil {
				return err
			}
		}
		if cancelled, err = s.cancelJob(ctx, tx, dataset); err != nil {
			return err
		}
		return enqueuePurge(ctx, tx, id)
	})
	if err != nil {
		return err
	}
	if cancelled != nil {
		s.engine.Cancelled(ctx, *cancelled)
	}
	s.purgeNow(ctx, id)
	return nil
}

// cancelJob cancels the job that builds a dataset. Without an engine it finds out for itself that the dataset is gone.
func (s *Service) cancelJob(ctx context.Context, tx pgx.Tx, dataset db.Dataset) (*db.Job, error) {
	if s.engine == nil || dataset.State != Building {
		return nil, nil
	}
	job, err := queue.CancelTx(ctx, tx, s.engine, dataset.JobID, "The dataset was deleted.")
	switch fault.CodeOf(err) {
	case "":
		return &job, nil
	case queue.Ended:
		return nil, nil
	}
	return nil, fmt.Errorf("job of dataset %s: %w", dataset.ID, err)
}

// Old are datasets that were asked for so many seconds ago, the oldest first, but none that is being built.
func (s *Service) Old(ctx context.Context, ageSeconds float64, most int32) ([]db.OldDatasetsRow, error) {
	found, err := s.queries.OldDatasets(ctx, s.pool, db.OldDatasetsParams{AgeSeconds: ageSeconds, Most: most})
	if err != nil {
		return nil, fmt.Errorf("old datasets: %w", err)
	}
	return found, nil
}

// DeleteOld removes a dataset, whoever's it is, unless it is being built. Errors: not_found.
func (s *Service) DeleteOld(ctx context.Context, id uuid.UUID) error {
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		n, err := s.queries.DeleteOldDataset(ctx, tx, id)
		if err != nil {
			return fmt.Errorf("delete dataset %s: %w", id, err)
		}
		if n == 0 {
			return notFound()
		}
		return enqueuePurge(ctx, tx, id)
	})
	if err == nil {
		s.purgeNow(ctx, id)
	}
	return err
}

// Purge runs a [tasks.PurgeDataset].
func (s *Service) Purge(ctx context.Context, job *queue.Job[tasks.PurgeDatasetArgs]) (any, error) {
	return nil, s.purge(ctx, job.Args.DatasetID)
}

// purgeNow does what the purge job is going to do, for whoever looks at the storage before that.
func (s *Service) purgeNow(ctx context.Context, id uuid.UUID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := s.purge(ctx, id); err != nil {
		s.log.Warn("files not removed yet, their purge job will", "dataset", id, "err", err)
	}
}

// purge removes what nobody will ask for of a dataset. Twice is fine.
func (s *Service) purge(ctx context.Context, id uuid.UUID) error {
	err := s.bucket.List(ctx, prefixOf(id), func(page []blob.Item) error {
		keys := make([]string, len(page))
		for i, item := range page {
			keys[i] = item.Key
		}
		unnamed, err := s.Unnamed(ctx, keys)
		if err != nil {
			return err
		}
		return s.bucket.Delete(ctx, unnamed...)
	})
	if err != nil {
		return fmt.Errorf("purge dataset %s: %w", id, err)
	}
	return nil
}
