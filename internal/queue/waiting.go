package queue

import (
	"context"
	"fmt"
	"path"
	"time"

	"rohrpost/db"
)

// Why a job waits.
const (
	WaitPaused    = "paused"    // somebody paused its queue
	WaitRetry     = "retry"     // an attempt failed and the next one is not due
	WaitScheduled = "scheduled" // it is not due, by its own wish
	WaitNoWorker  = "no_worker" // no living worker serves its queue
	WaitLimit     = "limit"     // as many jobs of its owner or key run as may
	WaitBacklog   = "backlog"   // others are before it
	WaitStarting  = "starting"  // nothing keeps it
)

// waitingTimeout bounds the whole answer, which takes some milliseconds. Nobody should wait long to hear why they wait.
const waitingTimeout = 2 * time.Second

// Waiting tells why a job has not started.
type Waiting struct {
	Cause string
	// Since when it waits for that: since it is due, or since the pause if that came later. Until it is due, since it was
	// last tried, or made.
	Since time.Time
	Line  *Line      // where it has a place in a line
	Start *time.Time // when it may start, if there is anything to tell that from
	// Detail says it in a sentence.
	Detail string
}

// Line is a place in a line: in turns among owners, as the dispatcher serves it. It is what would happen if nothing
// were added.
type Line struct {
	Ahead int64
	// AtLeast: there are that many ahead or more; nobody counted any further.
	AtLeast bool
}

// Waiting tells why a queued job has not started, nil for a job in another state. It costs some milliseconds of
// PostgreSQL, however long the line is.
func (e *Engine) Waiting(ctx context.Context, job db.Job) (*Waiting, error) {
	if job.State != Queued {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, waitingTimeout)
	defer cancel()
	w, err := e.whyWaiting(ctx, job)
	if err != nil {
		return nil, fmt.Errorf("why job %s waits: %w", job.ID, err)
	}
	return &w, nil
}

func (e *Engine) whyWaiting(ctx context.Context, job db.Job) (Waiting, error) {
	pause, err := e.askers.pauses.Do(job.Queue)
	if err != nil {
		return Waiting{}, err
	}
	if pause != nil {
		w := Waiting{Cause: WaitPaused, Since: dueSince(job), Detail: fmt.Sprintf("The queue %s is paused.", job.Queue)}
		if pause.Since.After(w.Since) {
			w.Since = pause.Since
		}
		return w, nil
	}
	if job.RunAt.After(time.Now()) {
		return notDue(job), nil
	}
	force, err := e.askers.forces.Do(job.Queue)
	if err != nil {
		return Waiting{}, err
	}
	switch {
	case force.Workers == 0:
		return Waiting{Cause: WaitNoWorker, Since: job.RunAt,
			Detail: fmt.Sprintf("No living worker serves the queue %s.", job.Queue)}, nil
	case job.Parked:
		return e.limited(ctx, job)
	}
	return e.inLine(ctx, job, force)
}

// dueSince is since when a job could run. Until it is due, since it was last tried, or made.
func dueSince(job db.Job) time.Time {
	switch {
	case !job.RunAt.After(time.Now()):
		return job.RunAt
	case job.StartedAt != nil:
		return *job.StartedAt
	}
	return job.CreatedAt
}

func notDue(job db.Job) Waiting {
	w := Waiting{Cause: WaitScheduled, Since: dueSince(job), Start: &job.RunAt}
	at := job.RunAt.UTC().Format(time.RFC3339)
	switch {
	case job.ErrorCode != nil:
		w.Cause = WaitRetry
		w.Detail = fmt.Sprintf("Attempt %d of %d failed (%s); the next one is due at %s.", job.Attempt, job.MaxAttempts,
			*job.ErrorCode, at)
	case job.StartedAt != nil:
		w.Detail = fmt.Sprintf("It waits for something else and looks again at %s.", at)
	default:
		w.Detail = fmt.Sprintf("It is to start at %s.", at)
	}
	return w
}

// limited tells about a parked job: it starts when one of its limit has ended and the owners before it had their turn.
func (e *Engine) limited(ctx context.Context, job db.Job) (Waiting, error) {
	w := Waiting{Cause: WaitLimit, Since: job.RunAt}
	run, err := db.New().LimitsOfJob(ctx, e.pool, job.ID)
	if err != nil {
		return w, err
	}
	line, err := e.lineOfLimit(ctx, job)
	if err != nil {
		return w, err
	}
	recent, err := e.askers.paces.Do(job.Queue)
	if err != nil {
		return w, err
	}
	w.Line = &line
	most := int32(1)
	switch {
	case job.OwnerLimit != nil && (job.KeyLimit == nil || run.OfOwner >= int64(*job.OwnerLimit)):
		most = *job.OwnerLimit
		w.Detail = fmt.Sprintf("%d of at most %d jobs of this kind and owner run at once", run.OfOwner, most)
	case job.KeyLimit != nil:
		most = *job.KeyLimit
		what := "of this kind"
		if job.LimitKey != "" {
			what += " for " + path.Base(job.LimitKey) // a model's full name begins with where it is from
		}
		w.Detail = fmt.Sprintf("%d of at most %d jobs %s run at once", run.OfKey, most, what)
	}
	w.Detail += "; " + line.words() + "."
	if median, ok := recent.median(job.Kind); ok {
		w.Start = after(median.Seconds() * (float64(line.Ahead) + 0.5) / float64(max(1, most)))
	}
	return w, nil
}

// inLine tells about a job that only has to wait for its turn.
func (e *Engine) inLine(ctx context.Context, job db.Job, force db.QueueForceRow) (Waiting, error) {
	w := Waiting{Cause: WaitBacklog, Since: job.RunAt}
	line, err := e.lineOfQueue(ctx, job)
	if err != nil {
		return w, err
	}
	w.Line = &line
	if line.Ahead < force.Slots-force.Busy {
		w.Cause = WaitStarting
		w.Detail = fmt.Sprintf("A worker of the queue %s has room for it.", job.Queue)
		return w, nil
	}
	w.Detail = fmt.Sprintf("The workers of the queue %s are busy; %s.", job.Queue, line.words())
	recent, err := e.askers.paces.Do(job.Queue)
	if err != nil {
		return w, err
	}
	if perSecond, ok := recent.rate(job, force.Running); ok {
		w.Start = after(float64(line.Ahead+1) / perSecond)
	}
	return w, nil
}

// after is the time so many seconds from now, to the second: it is an estimate. There is none that is years away.
func after(seconds float64) *time.Time {
	const most = 30 * 24 * time.Hour
	if seconds > most.Seconds() {
		return nil
	}
	at := time.Now().Add(time.Duration(seconds * float64(time.Second))).Truncate(time.Second)
	return &at
}

func (l Line) words() string {
	switch {
	case l.AtLeast:
		return fmt.Sprintf("more than %d jobs are before it", l.Ahead)
	case l.Ahead == 0:
		return "it is the next"
	case l.Ahead == 1:
		return "one job is before it"
	}
	return fmt.Sprintf("%d jobs are before it", l.Ahead)
}
