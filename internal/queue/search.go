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

// searched is how many jobs a search looks at: some 20 ms.
const searched = 5000

// Search returns anybody's jobs, the newest first. With a filter it looks at a few thousand jobs, and if there are more,
// next is the Before that goes on from there; else it is zero.
func (e *Engine) Search(ctx context.Context, s Search) (jobs []db.Job, next uuid.UUID, err error) {
	if s.Before == uuid.Nil {
		s.Before = uuid.Max
	}
	jobs, err = query(ctx, func(ctx context.Context) ([]db.Job, error) {
		next, err = floorOf(s.State, s.State != nil || s.Kind != nil || s.Queue != nil, func() (uuid.UUID, error) {
			if s.Owner != nil {
				return db.New().JobsByOwnerFloor(ctx, e.pool, db.JobsByOwnerFloorParams{
					Owner: *s.Owner, Before: s.Before, Look: searched,
				})
			}
			return db.New().JobsFloor(ctx, e.pool, db.JobsFloorParams{Before: s.Before, Look: searched})
		})
		if err != nil {
			return nil, err
		}
		return db.New().JobsBefore(ctx, e.pool, db.JobsBeforeParams{
			Before: s.Before, Floor: next, State: s.State, Kind: s.Kind, Queue: s.Queue, Owner: s.Owner, PageSize: s.Limit,
		})
	})
	if err != nil {
		return nil, uuid.Nil, fmt.Errorf("search jobs: %w", err)
	}
	return jobs, next, nil
}

// floorOf is the job that a search doesn't look beyond, zero where it looks at all of them: those that run have an index,
// and without a filter each job that it looks at is found.
func floorOf(state *string, filtered bool, ask func() (uuid.UUID, error)) (uuid.UUID, error) {
	if !filtered || state != nil && *state == Running {
		return uuid.Nil, nil
	}
	floor, err := ask()
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, nil
	}
	return floor, err
}
