package queue

import (
	"context"
	"encoding/json"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/stream"
)

const (
	// Live events must not hold up the work for longer: the record in PostgreSQL is what counts.
	tellTimeout = 2 * time.Second
	tellMost    = 4096 // news that wait for Redis; the rest is found in the record
)

// stateEvent is the data of an event of type state.
type stateEvent struct {
	JobID   string     `json:"job_id"`
	Kind    string     `json:"kind"`
	State   string     `json:"state"`
	Epoch   int64      `json:"epoch"`
	Attempt int32      `json:"attempt"`
	RunAt   *time.Time `json:"run_at,omitempty"`
	Waiting string     `json:"waiting_for,omitempty"` // "limit": another job of its owner or key has to end first
	Error   *jobError  `json:"error,omitempty"`
}

type jobError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

type resultEvent struct {
	JobID  string          `json:"job_id"`
	Result json.RawMessage `json:"result"`
}

type errorEvent struct {
	JobID   string `json:"job_id"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// tell publishes the state of jobs, and the outcome of those that ended, on the jobs' and their owners' streams, and
// waits for it, but not long. It fails silently but for the log: readers who miss an event find it in the record.
func (e *Engine) tell(jobs ...db.Job) {
	ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
	defer cancel()
	e.tellNext(jobs...).wait(ctx)
}

// tellNext is tell without waiting. What one process tells comes in that order.
func (e *Engine) tellNext(jobs ...db.Job) *telling {
	told := newTelling()
	if len(jobs) == 0 {
		told.end(true)
		return told
	}
	if e.cfg.Plain {
		ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
		defer cancel()
		heard, _ := e.publish(ctx, jobs) // logs its errors
		told.end(!slices.Contains(heard, false))
		return told
	}
	if e.teller.Len() > tellMost {
		e.log.Warn("events not published, too many wait for redis", "jobs", len(jobs))
		told.end(true)
		return told
	}
	var left atomic.Int64
	left.Store(int64(len(jobs)))
	var unheard atomic.Bool
	for _, job := range jobs {
		e.teller.Go(job, func(heard bool, err error) {
			if err == nil && !heard {
				unheard.Store(true)
			}
			if left.Add(-1) == 0 {
				told.end(!unheard.Load())
			}
		})
	}
	return told
}

// telling is news on their way to the readers.
type telling struct {
	over  chan struct{}
	heard bool // once over is closed: they are in the job's stream, or can't be told
}

func newTelling() *telling { return &telling{over: make(chan struct{})} }

func (t *telling) end(heard bool) {
	t.heard = heard
	close(t.over)
}

// wait waits until the news are told, and no longer than ctx.
func (t *telling) wait(ctx context.Context) {
	select {
	case <-t.over:
	case <-ctx.Done():
	}
}

// optional tells that the state of a job need not be told where nobody reads: the record says the same. The epoch of a later run
// has to be, as it fences off the runs before; and so has an end that a run may not know of yet.
func optional(job db.Job) bool {
	return job.Epoch == 1 && (job.State == Queued || job.State == Running || job.State == Succeeded)
}

// publish tells how the jobs are, and returns for each whether its own stream has that now. What one run has to tell goes
// into its streams together: a short job begins and ends between two exchanges.
func (e *Engine) publish(ctx context.Context, jobs []db.Job) ([]bool, error) {
	heard := make([]bool, len(jobs))
	readers := e.readers(ctx, jobs)
	var batches []stream.Batch
	last := map[uuid.UUID]int{}
	for i, job := range jobs {
		own, owners := readers(job)
		if heard[i] = own; !own && !owners {
			continue
		}
		entries := slices.DeleteFunc(Events(job), func(e stream.Entry) bool {
			return !own && e.Key == stream.Job(job.ID) || !owners && e.Key == stream.User(job.Owner)
		})
		if i, ok := last[job.ID]; ok && batches[i].Epoch == job.Epoch && !ends(batches[i]) {
			batches[i].Entries = append(batches[i].Entries, entries...)
			continue
		}
		last[job.ID] = len(batches)
		batches = append(batches, stream.Batch{Epoch: job.Epoch, Entries: entries})
	}
	if len(batches) == 0 {
		return heard, nil
	}
	switch err := e.events.AppendAll(ctx, batches...); fault.CodeOf(err) {
	case "", fault.Conflict: // told, or told already, or another run tells
	default:
		e.log.Warn("events not published", "jobs", len(last), "first", jobs[0].ID, "err", err)
	}
	return heard, nil
}

// readers finds out who would hear of jobs. Its answer tells for a job whether somebody follows it, and whether its owner's
// stream is followed.
func (e *Engine) readers(ctx context.Context, jobs []db.Job) func(db.Job) (own, owners bool) {
	asked := map[stream.Key]bool{}
	var keys []stream.Key
	for _, job := range jobs {
		for _, key := range []stream.Key{stream.Job(job.ID), stream.User(job.Owner)} {
			if _, ok := asked[key]; !ok && optional(job) {
				asked[key] = true
				keys = append(keys, key)
			}
		}
	}
	if len(keys) > 0 {
		// Where Redis doesn't say, it is told all: the append has the same trouble, and logs it.
		if answers, err := e.events.Watched(ctx, keys...); err == nil {
			for i, key := range keys {
				asked[key] = answers[i]
			}
		}
	}
	return func(job db.Job) (own, owners bool) {
		if !optional(job) {
			return true, true
		}
		return asked[stream.Job(job.ID)], asked[stream.User(job.Owner)]
	}
}

func ends(b stream.Batch) bool {
	return slices.ContainsFunc(b.Entries, func(e stream.Entry) bool { return e.End })
}

// Events are the events that tell a job's present state: one of type state and, when the job is over, a final result or
// error. Those who find no live events rebuild them from the record with it.
func Events(job db.Job) []stream.Entry {
	state := stateEvent{
		JobID: job.ID.String(), Kind: job.Kind, State: job.State, Epoch: job.Epoch, Attempt: job.Attempt,
	}
	if job.ErrorCode != nil {
		state.Error = &jobError{Code: *job.ErrorCode}
		if job.ErrorMessage != nil {
			state.Error.Message = *job.ErrorMessage
		}
	}
	if job.State == Queued && job.Parked {
		state.Waiting = "limit"
	}
	if job.State == Queued && job.RunAt.After(time.Now()) {
		at := job.RunAt.UTC()
		state.RunAt = &at
	}
	entries := both(job, stream.TypeState, state, false)
	switch job.State {
	case Succeeded:
		result := job.Result
		if len(result) == 0 {
			result = json.RawMessage("null")
		}
		entries = append(entries, both(job, stream.TypeResult, resultEvent{state.JobID, result}, true)...)
	case Failed, Cancelled:
		end := errorEvent{JobID: state.JobID}
		if state.Error != nil {
			end.Code, end.Message = state.Error.Code, state.Error.Message
		}
		entries = append(entries, both(job, stream.TypeError, end, true)...)
	}
	return entries
}

// OwnEvents are those of [Events] that belong to the job's own stream.
func OwnEvents(job db.Job) []stream.Entry {
	return slices.DeleteFunc(Events(job), func(e stream.Entry) bool { return e.Key != stream.Job(job.ID) })
}

// both makes the entries of one event for the job's stream and for its owner's. Only the job's stream can end.
func both(job db.Job, typ string, data any, end bool) []stream.Entry {
	raw, _ := json.Marshal(data) // of plain structs: can't fail
	entries := []stream.Entry{{Key: stream.Job(job.ID), Type: typ, Data: raw, End: end}}
	if job.Owner != System {
		entries = append(entries, stream.Entry{Key: stream.User(job.Owner), Type: typ, Data: raw, Job: job.ID})
	}
	return entries
}
