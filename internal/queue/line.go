package queue

import (
	"context"

	"rohrpost/db"
)

// lineMost is how far a place in a line is counted: some milliseconds of PostgreSQL.
const lineMost = 10_000

// lineOfQueue is the place of a due job among those of its queue. Those in Redis come first, then the others,
// both in turns among their owners (within a few places: several are handed over and taken at the same time).
func (e *Engine) lineOfQueue(ctx context.Context, job db.Job) (Line, error) {
	q := db.New()
	if job.DispatchedAt != nil {
		return e.lineInRedis(ctx, job)
	}
	line, err := e.turns(ctx, job.Queue)
	if err != nil {
		return Line{}, err
	}
	n := line.total
	if n > lineMost {
		return counted(n), nil
	}
	// It may have been handed over meanwhile, and would be counted as one that is before itself.
	now, err := q.JobByID(ctx, e.pool, job.ID)
	if err != nil {
		return Line{}, err
	}
	if now.DispatchedAt != nil {
		return e.lineInRedis(ctx, now)
	}
	own, err := q.OwnJobsInLineBefore(ctx, e.pool, db.OwnJobsInLineBeforeParams{
		Queue: job.Queue, Owner: job.Owner, RunAt: job.RunAt, ID: job.ID, Most: int32(lineMost + 1 - n),
	})
	if n += own; err != nil || n > lineMost {
		return counted(n), err
	}
	others, err := q.JobsInTurnsBefore(ctx, e.pool, db.JobsInTurnsBeforeParams{
		Queue: job.Queue, Turn: own + 1, Owner: job.Owner, RunAt: job.RunAt, ID: job.ID, Most: int32(lineMost + 1 - n),
	})
	return counted(n + others), err
}

// lineInRedis is the place of a job that was handed over.
func (e *Engine) lineInRedis(ctx context.Context, job db.Job) (Line, error) {
	inRedis := db.DispatchedJobsBeforeParams{
		Queue: job.Queue, Owner: job.Owner, ID: job.ID, InLineAt: *job.DispatchedAt, Most: lineMost + 1,
	}
	if job.RunAt.After(inRedis.InLineAt) {
		inRedis.InLineAt = job.RunAt
	}
	n, err := db.New().DispatchedJobsBefore(ctx, e.pool, inRedis)
	return counted(n), err
}

// lineOfLimit is the place of a parked job among those that wait for the same limit.
func (e *Engine) lineOfLimit(ctx context.Context, job db.Job) (Line, error) {
	q := db.New()
	n, err := q.OwnParkedJobsBefore(ctx, e.pool, db.OwnParkedJobsBeforeParams{
		Kind: job.Kind, LimitKey: job.LimitKey, Owner: job.Owner, RunAt: job.RunAt, ID: job.ID, Most: lineMost + 1,
	})
	if err != nil || n > lineMost || job.KeyLimit == nil {
		return counted(n), err
	}
	others, err := q.ParkedJobsInTurnsBefore(ctx, e.pool, db.ParkedJobsInTurnsBeforeParams{
		Kind: job.Kind, LimitKey: job.LimitKey, Turn: n + 1, Owner: job.Owner, Most: int32(lineMost + 1 - n),
	})
	return counted(n + others), err
}

func counted(n int64) Line { return Line{Ahead: min(n, lineMost), AtLeast: n > lineMost} }
