package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rohrpost/db"
	"rohrpost/internal/tracing"
)

var errUniqueWrite = errors.New("whether a job with a unique key is there already has to be read: use Enqueue")

// EnqueueWith is [Enqueue] for a transaction that only writes. The record that it returns is what is known of the job
// before it is written: all but the times that PostgreSQL sets, CreatedAt and, without [At], RunAt. A job can't be
// [Unique] here.
func EnqueueWith[A any](ctx context.Context, w *db.Writes, kind Kind[A], args A, opts ...Option) (db.Job, error) {
	p, err := newJob(kind, args, opts)
	if err != nil {
		return db.Job{}, err
	}
	if p.UniqueKey != nil {
		return db.Job{}, fmt.Errorf("enqueue %s: %w", kind.Name, errUniqueWrite)
	}
	w.Announce(&p)
	_, span := create(ctx, &p)
	err = db.New().AddJob(ctx, w, db.AddJobParams(p))
	tracing.End(span, err)
	if err != nil {
		return db.Job{}, fmt.Errorf("enqueue %s: %w", kind.Name, err)
	}
	job := unwritten(p)
	w.Signal(committed{job, p.Straight})
	return job, nil
}

// unwritten is a job that InsertJob's parameters become.
func unwritten(p db.InsertJobParams) db.Job {
	job := db.Job{
		ID: p.ID, Kind: p.Kind, Queue: p.Queue, Args: p.Args, State: Queued, Epoch: 1, MaxAttempts: p.MaxAttempts,
		Owner: p.Owner, OwnerLimit: p.OwnerLimit, LimitKey: p.LimitKey, KeyLimit: p.KeyLimit, TraceContext: p.TraceContext,
		CreatedAt: time.Now(),
	}
	if job.RunAt = job.CreatedAt; p.RunAt != nil {
		job.RunAt = *p.RunAt
	}
	return job
}
