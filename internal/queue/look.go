package queue

import (
	"context"
	"errors"
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
	// As many jobs may be in line where another one goes straight, without a look at whose they are, or as many as there
	// are places to run them, if those are more.
	straightMost = 32
	// As many of these may be of a limit, where the last look parked none: a worker would park them one by one.
	boundedMost = 4
	lookMost    = time.Hour // the timer's rest while nothing is put off
)

// finding is what the last pass over a queue found.
type finding struct {
	at     time.Time
	full   bool          // there was no room in Redis
	left   bool          // something was left behind in PostgreSQL
	passes bool          // a pass is under way, and will know better
	ended  bool          // jobs were claimed or have ended since that began
	parked []string      // kinds of jobs whose limit had no room
	there  int64         // due jobs in Redis, and those that went straight there since
	again  time.Duration // how long others are not worth their cost, where it was full
	most   int64         // as many may be there for others to be handed over without a look at who else waits
	bound  int           // jobs of a limit that were, since
}

// passing notes that a pass is under way, and returns what was found before it. That counts until there is something newer:
// jobs that could not go straight meanwhile would call for a pass of their own.
func (e *Engine) passing(queue string) (before finding) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before = e.found[queue]
	now := before
	now.passes, now.ended = true, false
	e.found[queue] = now
	return before
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

// errand is what is to be done about a queue.
type errand struct {
	straight []db.Job // were committed just now and count as dispatched
	look     bool     // others may have their turn
}

func (e *errand) add(c committed) {
	if c.straight {
		e.straight = append(e.straight, c.job)
		return
	}
	e.look = true
}

// errand is called with e.mu held.
func (e *Engine) errand(queue string) *errand {
	if e.queues[queue] == nil {
		e.queues[queue] = &errand{}
	}
	return e.queues[queue]
}

// due takes the queues that something is to be done about now, and tells when to ask for the others.
func (e *Engine) due(now time.Time) (due map[string]*errand, next time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	due, next = map[string]*errand{}, lookMost
	for queue, errand := range e.queues {
		if found := e.found[queue]; found.full && now.Sub(found.at) < found.again {
			next = min(next, found.again-now.Sub(found.at))
			continue
		}
		due[queue] = errand
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

// hand hands over what went straight, and has those dispatched whose turn it is.
func (e *Engine) hand(ctx context.Context, queue string, errand *errand) error {
	var err error
	if len(errand.straight) > 0 {
		if err = e.enqueue(ctx, atTheEnd(errand.straight...)); err != nil {
			e.note(queue, finding{left: true})
		}
	}
	if errand.look {
		err = errors.Join(err, e.Dispatch(ctx, queue))
	}
	if err != nil {
		return fmt.Errorf("dispatch %s: %w", queue, err)
	}
	return nil
}

// leave gives back what an engine that stops has not handed over.
func (e *Engine) leave(ctx context.Context) {
	e.mu.Lock()
	var left []db.Job
	for _, errand := range e.queues {
		left = append(left, errand.straight...)
		errand.straight = nil
	}
	e.mu.Unlock()
	e.undispatch(ctx, atTheEnd(left...))
}

// announced has a job that is about to be written go straight to Redis once it is committed, without a look at who else
// waits, where it is known that nobody does. Others may enqueue too, so that it has to be looked now and then.
func (e *Engine) announced(plan any) {
	p, ok := plan.(*db.InsertJobParams)
	if !ok || p.RunAt != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	found := e.found[p.Queue] // with room for none where it was never looked
	if e.cancel == nil || found.full || found.left {
		return
	}
	bound := p.OwnerLimit != nil || p.KeyLimit != nil
	if found.there >= found.most || bound && (len(found.parked) > 0 || found.bound >= boundedMost) {
		return
	}
	p.Straight = true
	found.there++
	if bound {
		found.bound++
	}
	e.found[p.Queue] = found
}

// limited tells that others may have to end before a job starts.
func limited(job db.Job) bool { return job.OwnerLimit != nil || job.KeyLimit != nil }
