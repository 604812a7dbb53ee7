package queue

import (
	"context"
	"fmt"
	"time"

	"rohrpost/db"
)

const (
	rest = 50 * time.Millisecond // after a pass that left nothing behind, ends of jobs call for no other one
	// After a pass that found Redis full, others are not worth their cost before some jobs have ended. The longer that
	// takes, the seldomer it is looked.
	fullFor  = 10 * time.Millisecond
	fullMost = 80 * time.Millisecond
	// As many jobs may be in line where another one is handed over without a look at whose they are, or as many as can
	// start at once if those are more.
	straightMost = 32
	// As many of these may be of a limit, where the last look parked none: a worker would park them one by one.
	boundedMost = 4
	freshMost   = passMost  // are kept in mind until it is known which of these ways they go
	lookMost    = time.Hour // the timer's rest while nothing is put off
)

// finding is what the last pass over a queue found.
type finding struct {
	at     time.Time
	full   bool          // there was no room in Redis
	left   bool          // something was left behind in PostgreSQL
	passes bool          // a pass is under way, and will know better
	ended  bool          // jobs were claimed or have ended since that began
	parked bool          // a limit had no room
	there  int64         // due jobs in Redis
	again  time.Duration // how long others are not worth their cost, where it was full
	most   int64         // as many may be there for others to be handed over without a look at who else waits
	direct int           // jobs that were, since
	bound  int           // those of a limit among them
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

// todo is what is to be done about a queue.
type todo struct {
	fresh []db.Job // was just committed, and may be handed over without a look at whose turn it is; some of it
	bound int      // how much of that is of a limit
	look  bool     // there may be more than that
}

// add adds a job that was just committed. What is more than may go straight would only be kept for nothing.
func (t *todo) add(job db.Job) {
	if job.RunAt.After(time.Now()) || len(t.fresh) == freshMost {
		t.look = true
		return
	}
	t.fresh = append(t.fresh, job)
	if limited(job) {
		t.bound++
	}
}

// todo is called with e.mu held.
func (e *Engine) todo(queue string) *todo {
	if e.queues[queue] == nil {
		e.queues[queue] = &todo{}
	}
	return e.queues[queue]
}

// due takes the queues that something is to be done about now, and tells when to ask for the others.
func (e *Engine) due(now time.Time) (due map[string]*todo, next time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	due, next = map[string]*todo{}, lookMost
	for queue, todo := range e.queues {
		if found := e.found[queue]; found.full && now.Sub(found.at) < found.again {
			next = min(next, found.again-now.Sub(found.at))
			continue
		}
		due[queue] = todo
		delete(e.queues, queue)
	}
	return due, next
}

// roomIn has a queue looked at because one of its jobs was claimed or has ended, unless it was just found empty: what is
// enqueued later is dispatched by whoever enqueues it.
func (e *Engine) roomIn(queue string) {
	e.mu.Lock()
	found := e.found[queue]
	if found.passes {
		found.ended = true
		e.found[queue] = found
	}
	e.mu.Unlock()
	if empty := !found.full && !found.left && time.Since(found.at) < rest; !empty && !found.passes {
		e.Wake(queue)
	}
}

// hand hands over the jobs that were just committed, where it is known that nobody waits before them, and otherwise those
// whose turn it is.
func (e *Engine) hand(ctx context.Context, queue string, todo *todo) error {
	if todo.look || !e.straight(queue, todo) {
		e.mark(ctx) // they count as being in line
		return e.Dispatch(ctx, queue)
	}
	if err := e.enqueue(ctx, atTheEnd(todo.fresh...)); err != nil {
		e.note(queue, finding{left: true})
		return fmt.Errorf("dispatch %s: %w", queue, err)
	}
	e.unmarked.add(todo.fresh)
	return nil
}

// straight tells whether what is fresh may be handed over without a look at who else waits. Others may enqueue too, so that
// it has to be looked now and then.
func (e *Engine) straight(queue string, todo *todo) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	found, looked := e.found[queue]
	if !looked || found.full || found.left || len(todo.fresh) == 0 {
		return false
	}
	found.direct += len(todo.fresh)
	found.bound += todo.bound
	if found.there+int64(found.direct) > found.most || found.bound > boundedMost || found.parked && todo.bound > 0 {
		return false
	}
	e.found[queue] = found
	return true
}

// limited tells that others may have to end before a job starts.
func limited(job db.Job) bool { return job.OwnerLimit != nil || job.KeyLimit != nil }
