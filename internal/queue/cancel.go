package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// cancelChannel tells workers that a job was cancelled. A lost message makes it late by a heartbeat, no more.
const cancelChannel = "rohrpost:cancel"

// Get returns a job of owner. Other people's jobs and unknown ones are [fault.NotFound].
func (e *Engine) Get(ctx context.Context, id, owner uuid.UUID) (db.Job, error) {
	job, err := db.New().JobOfOwner(ctx, e.pool, db.JobOfOwnerParams{ID: id, Owner: owner})
	if errors.Is(err, pgx.ErrNoRows) {
		return db.Job{}, fault.New(fault.NotFound, "There is no such job.")
	}
	if err != nil {
		return db.Job{}, fmt.Errorf("job %s: %w", id, err)
	}
	return job, nil
}

// Filter chooses jobs for [Engine.List]. A zero Before means from the newest.
type Filter struct {
	State, Kind *string
	Before      uuid.UUID
	Limit       int32
}

// List returns jobs of owner, the newest first. With a filter it looks at a few thousand jobs, and if there are more, next
// is the Before that goes on from there; else it is zero.
func (e *Engine) List(ctx context.Context, owner uuid.UUID, f Filter) (jobs []db.Job, next uuid.UUID, err error) {
	if f.Before == uuid.Nil {
		f.Before = uuid.Max
	}
	floor, err := floorOf(f.State, f.State != nil || f.Kind != nil, func() (uuid.UUID, error) {
		return db.New().JobsByOwnerFloor(ctx, e.pool, db.JobsByOwnerFloorParams{Owner: owner, Before: f.Before, Look: searched})
	})
	if err == nil {
		jobs, err = db.New().JobsByOwnerBefore(ctx, e.pool, db.JobsByOwnerBeforeParams{
			Owner: owner, Before: f.Before, Floor: floor, State: f.State, Kind: f.Kind, PageSize: f.Limit,
		})
	}
	if err != nil {
		return nil, uuid.Nil, fmt.Errorf("jobs of %s: %w", owner, err)
	}
	return jobs, floor, nil
}

// Cancel ends a job of owner that is not over yet: it will not run, or stops running, wherever that is, and is never
// retried. Errors: [fault.NotFound], [Ended] when it is over already.
func (e *Engine) Cancel(ctx context.Context, id, owner uuid.UUID) (db.Job, error) {
	var job db.Job
	err := db.InTx(ctx, e.pool, func(tx pgx.Tx) (err error) {
		if job, err = e.ownedTx(ctx, tx, id, owner); err != nil {
			return err
		}
		job, err = CancelTx(ctx, tx, e, id, "It was cancelled.")
		return err
	})
	if err != nil {
		return db.Job{}, err
	}
	e.Cancelled(ctx, job)
	return job, nil
}

// CancelTx cancels a job inside the caller's transaction, who calls [Engine.Cancelled] after the commit. The error is
// [Ended] when the job is over already.
func CancelTx(ctx context.Context, tx pgx.Tx, e *Engine, id uuid.UUID, reason string) (db.Job, error) {
	job, err := db.New().CancelJob(ctx, tx, db.CancelJobParams{ID: id, Reason: &reason})
	if errors.Is(err, pgx.ErrNoRows) {
		return db.Job{}, fault.New(Ended, "The job is over already.")
	}
	if err != nil {
		return db.Job{}, fmt.Errorf("cancel job %s: %w", id, err)
	}
	return job, e.runHooks(ctx, tx, job)
}

// Cancelled tells everybody that a job was cancelled: the worker that runs it, and its readers.
func (e *Engine) Cancelled(ctx context.Context, job db.Job) {
	e.metrics.ended.WithLabelValues(job.Kind, Cancelled).Inc()
	signal, stop := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer stop()
	if err := e.rdb.Publish(signal, cancelChannel, job.ID.String()).Err(); err != nil {
		e.log.Warn("cancel signal not sent, the worker's next heartbeat will see it", "job", job.ID, "err", err)
	}
	e.tell(job)
}

// Rerun starts a failed or cancelled job of owner afresh, with all its attempts. Errors: [fault.NotFound], [Ended] when
// it is in another state.
func (e *Engine) Rerun(ctx context.Context, id, owner uuid.UUID) (db.Job, error) {
	var job db.Job
	err := db.InTx(ctx, e.pool, func(tx pgx.Tx) (err error) {
		if job, err = e.ownedTx(ctx, tx, id, owner); err != nil {
			return err
		}
		job, err = RerunTx(ctx, tx, e, id)
		return err
	})
	return job, err
}

// RerunTx starts a failed or cancelled job afresh inside the caller's transaction. The error is [Ended] when it is in
// another state.
func RerunTx(ctx context.Context, tx pgx.Tx, e *Engine, id uuid.UUID) (db.Job, error) {
	job, err := db.New().RerunJob(ctx, tx, id)
	return e.rerun(ctx, tx, job, err)
}

// RerunDeadTx is [RerunTx] for a job that had failed by then and is a dead letter still: it neither started again nor
// was discarded.
func RerunDeadTx(ctx context.Context, tx pgx.Tx, e *Engine, id uuid.UUID, failedBy time.Time) (db.Job, error) {
	job, err := db.New().RerunDeadJob(ctx, tx, db.RerunDeadJobParams{ID: id, FailedBy: &failedBy})
	return e.rerun(ctx, tx, job, err)
}

func (e *Engine) rerun(ctx context.Context, tx pgx.Tx, job db.Job, err error) (db.Job, error) {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return job, fault.New(Ended, "Only a failed or cancelled job can be run again.")
	case db.Duplicate(err):
		return job, fault.New(Ended, "Another job with the same unique key is unfinished.")
	case err != nil:
		return job, fmt.Errorf("rerun job: %w", err)
	}
	db.Signal(tx, committed{job: job})
	return job, e.runHooks(ctx, tx, job)
}

// DiscardTx takes a failed job out of the dead letters inside the caller's transaction. It stays on record, and can be
// run again. The error is [Ended] when it is no dead letter.
func DiscardTx(ctx context.Context, tx pgx.Tx, id uuid.UUID) (db.Job, error) {
	job, err := db.New().DiscardJob(ctx, tx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return job, fault.New(Ended, "Only a failed job that is not discarded yet can be discarded.")
	}
	if err != nil {
		return job, fmt.Errorf("discard job %s: %w", id, err)
	}
	return job, nil
}

func (e *Engine) ownedTx(ctx context.Context, tx pgx.Tx, id, owner uuid.UUID) (db.Job, error) {
	job, err := db.New().JobOfOwner(ctx, tx, db.JobOfOwnerParams{ID: id, Owner: owner})
	if errors.Is(err, pgx.ErrNoRows) {
		return db.Job{}, fault.New(fault.NotFound, "There is no such job.")
	}
	if err != nil {
		return db.Job{}, fmt.Errorf("job %s: %w", id, err)
	}
	return job, nil
}
