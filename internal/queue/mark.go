package queue

import (
	"context"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

// markAfter is how long a job that went straight to Redis is given to be claimed. Then it needs no mark, and its row is
// written once less.
const markAfter = 25 * time.Millisecond

// unmarked are jobs that lie in Redis, or did, without a mark in PostgreSQL that says so. Whoever looks meanwhile hands
// them over again, as the same tasks, which changes nothing.
type unmarked struct {
	ids    []uuid.UUID
	epochs []int64
	since  time.Time // of the first
}

func (u *unmarked) add(jobs []db.Job) {
	if len(u.ids) == 0 {
		u.since = time.Now()
	}
	for _, job := range jobs {
		u.ids, u.epochs = append(u.ids, job.ID), append(u.epochs, job.Epoch)
	}
}

// markInTime marks jobs that have been in line for a while, and tells when to ask again.
func (e *Engine) markInTime(ctx context.Context) (next time.Duration) {
	if len(e.unmarked.ids) == 0 {
		return lookMost
	}
	if left := markAfter - time.Since(e.unmarked.since); left > 0 {
		return left
	}
	e.mark(ctx)
	return lookMost
}

// mark marks the jobs that nobody has claimed so far.
func (e *Engine) mark(ctx context.Context) {
	jobs := e.unmarked
	if e.unmarked = (unmarked{}); len(jobs.ids) == 0 {
		return
	}
	_, err := query(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, db.New().MarkDispatchedJobs(ctx, e.pool, db.MarkDispatchedJobsParams{Ids: jobs.ids, Epochs: jobs.epochs})
	})
	if err != nil && ctx.Err() == nil {
		e.log.Warn("jobs in redis not marked", "jobs", len(jobs.ids), "err", err)
	}
}
