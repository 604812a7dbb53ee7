package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// Find returns a job, whoever owns it. Unknown ones are [fault.NotFound].
func (e *Engine) Find(ctx context.Context, id uuid.UUID) (db.Job, error) {
	job, err := query(ctx, func(ctx context.Context) (db.Job, error) { return db.New().JobByID(ctx, e.pool, id) })
	if errors.Is(err, pgx.ErrNoRows) {
		return db.Job{}, fault.New(fault.NotFound, "There is no such job.")
	}
	if err != nil {
		return db.Job{}, fmt.Errorf("job %s: %w", id, err)
	}
	return job, nil
}

// Search chooses jobs for [Engine.Search]. Nil picks all; a zero Before means from the newest.
type Search struct {
	State, Kind, Queue *string
	Owner              *uuid.UUID
	Before             uuid.UUID
	Limit              int32
}

// Search returns anybody's jobs, the newest first.
func (e *Engine) Search(ctx context.Context, s Search) ([]db.Job, error) {
	if s.Before == uuid.Nil {
		s.Before = uuid.Max
	}
	jobs, err := query(ctx, func(ctx context.Context) ([]db.Job, error) {
		return db.New().JobsBefore(ctx, e.pool, db.JobsBeforeParams{
			Before: s.Before, State: s.State, Kind: s.Kind, Queue: s.Queue, Owner: s.Owner, PageSize: s.Limit,
		})
	})
	if err != nil {
		return nil, fmt.Errorf("search jobs: %w", err)
	}
	return jobs, nil
}
