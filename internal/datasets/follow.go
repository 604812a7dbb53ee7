package datasets

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// purgeDelay gives a run that was stopped the time to put down what it holds.
const purgeDelay = 30 * time.Second

// Follow has a dataset's state follow its job where that ends without the dataset, or begins again. Every process that may
// end a job needs it, before its engine is started.
func (s *Service) Follow(engine *queue.Engine) {
	s.engine = engine
	engine.OnState(tasks.Export.Name, s.follow)
}

func (s *Service) follow(ctx context.Context, tx pgx.Tx, job db.Job) error {
	if job.State == queue.Queued {
		if err := s.queries.ReopenDataset(ctx, tx, job.ID); err != nil {
			return fmt.Errorf("dataset of job %s: %w", job.ID, err)
		}
		return nil
	}
	state := Failed
	if job.State == queue.Cancelled {
		state = Cancelled
	}
	n, err := s.queries.CloseDataset(ctx, tx, db.CloseDatasetParams{JobID: job.ID, State: state, Reason: job.ErrorMessage})
	if err != nil {
		return fmt.Errorf("dataset of job %s: %w", job.ID, err)
	}
	if n == 0 {
		return nil // deleted, with a purge of its own
	}
	var args tasks.ExportArgs
	if err := json.Unmarshal(job.Args, &args); err != nil {
		return fmt.Errorf("arguments of job %s: %w", job.ID, err)
	}
	return enqueuePurge(ctx, tx, args.DatasetID)
}

func enqueuePurge(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	at := time.Now().Add(purgeDelay)
	_, err := queue.Enqueue(ctx, tx, tasks.PurgeDataset, tasks.PurgeDatasetArgs{DatasetID: id}, queue.At(at))
	if err != nil {
		return fmt.Errorf("purge of dataset %s: %w", id, err)
	}
	return nil
}
