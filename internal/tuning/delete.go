package tuning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/ai"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	unmakeWithin = 5 * time.Second // the engine gives a stopped handler 10 s
	tidyPoll     = 2 * time.Second // how often a model to be made looks whether its predecessor is gone
)

// StartDelete has a model deleted that was made here, in tx: it can't be asked for any more once the job is done. Errors:
// not_found for a model that was not made here, conflict for one that is being made.
func (s *Service) StartDelete(ctx context.Context, tx pgx.Tx, by audit.Actor, name string) (queue.Record, error) {
	row, err := s.queries.LockModel(ctx, tx, name)
	if errors.Is(err, pgx.ErrNoRows) && ai.FullName(name) != name {
		row, err = s.queries.LockModel(ctx, tx, ai.FullName(name))
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return queue.Record{}, notMadeHere()
	case err != nil:
		return queue.Record{}, fmt.Errorf("model %s: %w", name, err)
	case row.State == modelCreating:
		return queue.Record{}, fault.New(fault.Conflict, "The model is being made; cancel the job that does.")
	}
	job, err := s.enqueueDelete(ctx, tx, by.User, row.Name)
	if err != nil {
		return job, err
	}
	err = s.queries.MarkModelDeleting(ctx, tx, db.MarkModelDeletingParams{Name: row.Name, JobID: job.ID})
	if err != nil {
		return job, fmt.Errorf("record the end of model %s: %w", row.Name, err)
	}
	return job, audit.Record(ctx, tx, by, audit.Entry{Action: "model.delete", Target: row.Name, Detail: map[string]any{
		"provider": row.Provider, "base": row.Base, "job_id": job.ID,
	}})
}

func notMadeHere() error { return fault.New(fault.NotFound, "No model of this name was made here.") }

// Deleted is the outcome of an ai:delete-model job.
type Deleted struct {
	Name    string `json:"name"`
	Deleted bool   `json:"deleted"` // false: it has been made again meanwhile
}

// DeleteModel deletes a model where it is, and its record if that is to go, too.
func (s *Service) DeleteModel(ctx context.Context, job *queue.Job[tasks.DeleteModelArgs]) (any, error) {
	name := job.Args.Name
	row, err := s.queries.ModelByName(ctx, s.Pool, name)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Deleted{Name: name}, nil
	case err != nil:
		return nil, fmt.Errorf("model %s: %w", name, err)
	case row.State != modelDeleting && !s.leftOver(row):
		return Deleted{Name: name}, nil
	}
	if row.Provider == ai.Tuned {
		if !s.Configured() {
			return nil, notConfigured()
		}
		err = s.Remote.DeleteModel(ctx, name)
	} else {
		err = s.AI.Unmake(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	return nil, db.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := queue.Complete(ctx, tx, job.Run, Deleted{Name: name, Deleted: true}); err != nil {
			return err
		}
		if err := s.queries.DeleteModelRow(ctx, tx, name); err != nil {
			return fmt.Errorf("forget model %s: %w", name, err)
		}
		return nil
	})
}

// leftOver tells whether there may be something of a model whose making failed. One whose job was run again waits for us,
// see tidied.
func (s *Service) leftOver(row db.Model) bool {
	return row.Provider == ai.Ollama && (row.State == modelFailed || row.State == modelCreating)
}

// tidied tells whether nobody is about to delete what was left of an earlier model of the name.
func (s *Service) tidied(ctx context.Context, name string) (bool, error) {
	_, err := s.queries.UnfinishedUniqueJob(ctx, s.Pool, db.UnfinishedUniqueJobParams{
		Kind: tasks.DeleteModel.Name, UniqueKey: name,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for what deletes model %s: %w", name, err)
	}
	return false, nil
}
