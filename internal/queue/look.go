package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

const (
	rest = 50 * time.Millisecond // after a pass that left nothing behind, ends of jobs call for no other one
	// After a pass that found Redis full, others are not worth their cost before some jobs have ended. The longer that
	// takes, the seldomer it is looked.
	fullFor  = 10 * time.Millisecond
	fullMost = 80 * time.Millisecond
	// As many jobs may be in line where another one is handed over without a look at whose they are.
	straightMost = 32
	lookMost     = time.Hour // the timer's rest while nothing is put off
)

// finding is what the last pass over a queue found.
type finding struct {
	at     time.Time
	full   bool          // there was no room in Redis
	left   bool          // something was left behind in PostgreSQL
	there  int64         // due jobs in Redis
	again  time.Duration // how long others are not worth their cost, where it was full
	direct int           // jobs handed over since without a look at who else waits
}

// note keeps what was found, and returns what was before.
func (e *Engine) note(queue string, found finding) (before finding) {
	found.at = time.Now()
	e.mu.Lock()
	defer e.mu.Unlock()
	before = e.found[queue]
	e.found[queue] = found
	return before
}

// leaveAlone is how long a full queue is not looked at.
func (f finding) leaveAlone(before finding) time.Duration {
	if before.full && f.there >= before.there {
		return min(2*before.again, fullMost)
	}
	return fullFor
}

// due takes the queues that are to be dispatched now, with what was just committed to them, and tells when to look for
// the others.
func (e *Engine) due(now time.Time) (due map[string][]uuid.UUID, next time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	due, next = map[string][]uuid.UUID{}, lookMost
	for queue := range e.queues {
		if found := e.found[queue]; found.full && now.Sub(found.at) < found.again {
			next = min(next, found.again-now.Sub(found.at))
			continue
		}
		due[queue] = e.fresh[queue]
		delete(e.queues, queue)
		delete(e.fresh, queue)
	}
	return due, next
}

// roomIn has a queue looked at because one of its jobs was claimed or has ended, unless it was just found empty: what is
// enqueued later is dispatched by whoever enqueues it.
func (e *Engine) roomIn(queue string) {
	e.mu.Lock()
	found := e.found[queue]
	e.mu.Unlock()
	if empty := !found.full && !found.left && time.Since(found.at) < rest; !empty {
		e.Wake(queue)
	}
}

// hand hands over the jobs that were just committed, where it is known that nobody waits before them, and otherwise those
// whose turn it is.
func (e *Engine) hand(ctx context.Context, queue string, fresh []uuid.UUID) error {
	if !e.straight(queue, len(fresh)) {
		return e.Dispatch(ctx, queue)
	}
	jobs, err := query(ctx, func(ctx context.Context) ([]db.Job, error) { return db.New().DispatchFreshJobs(ctx, e.pool, fresh) })
	if err == nil {
		err = e.enqueue(ctx, atTheEnd(jobs...))
	}
	if err != nil {
		e.note(queue, finding{left: true})
		return fmt.Errorf("dispatch %s: %w", queue, err)
	}
	return nil
}

// straight tells whether n jobs may be handed over without a look at who else waits. Others may enqueue too, so that it
// has to be looked now and then.
func (e *Engine) straight(queue string, n int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	found, looked := e.found[queue]
	if n == 0 || !looked || found.full || found.left || found.there+int64(found.direct+n) > straightMost {
		return false
	}
	found.direct += n
	e.found[queue] = found
	return true
}

// free tells that a job has to wait for nothing.
func free(job db.Job) bool {
	return !limited(job) && !job.RunAt.After(time.Now())
}

// limited tells that others may have to end before a job starts.
func limited(job db.Job) bool { return job.OwnerLimit != nil || job.KeyLimit != nil }
