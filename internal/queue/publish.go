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
	if len(jobs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
	defer cancel()
	wait(ctx, e.tellNext(jobs...))
}

func wait(ctx context.Context, told <-chan struct{}) {
	select {
	case <-told:
	case <-ctx.Done():
	}
}

// tellNext is tell without waiting. What one process tells comes in that order; the channel is closed when it is told, or
// can't be.
func (e *Engine) tellNext(jobs ...db.Job) <-chan struct{} {
	told := make(chan struct{})
	if e.cfg.Plain {
		defer close(told)
		ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
		defer cancel()
		_, _ = e.publish(ctx, news(jobs)) // logs its errors
		return told
	}
	if e.teller.Len() > tellMost {
		e.log.Warn("events not published, too many wait for redis", "jobs", len(jobs))
		close(told)
		return told
	}
	left := atomic.Int64{}
	left.Store(int64(len(jobs)))
	for _, b := range news(jobs) {
		e.teller.Go(b, func(struct{}, error) {
			if left.Add(-1) == 0 {
				close(told)
			}
		})
	}
	return told
}

// tidings are a job's news that are published together.
type tidings struct {
	job   uuid.UUID
	batch stream.Batch
}

func news(jobs []db.Job) []tidings {
	all := make([]tidings, len(jobs))
	for i, job := range jobs {
		all[i] = tidings{job.ID, stream.Batch{Epoch: job.Epoch, Entries: Events(job)}}
	}
	return all
}

// publish tells all of it in one round trip. What one run has to tell goes into its streams together: a short job begins
// and ends between two exchanges.
func (e *Engine) publish(ctx context.Context, all []tidings) ([]struct{}, error) {
	var batches []stream.Batch
	last := map[uuid.UUID]int{}
	for _, n := range all {
		if i, ok := last[n.job]; ok && batches[i].Epoch == n.batch.Epoch && !ends(batches[i]) {
			batches[i].Entries = append(batches[i].Entries, n.batch.Entries...)
			continue
		}
		last[n.job] = len(batches)
		batches = append(batches, n.batch)
	}
	switch err := e.events.AppendAll(ctx, batches...); fault.CodeOf(err) {
	case "", fault.Conflict: // told, or told already, or another run tells
	default:
		e.log.Warn("events not published", "jobs", len(last), "first", all[0].job, "err", err)
	}
	return make([]struct{}, len(all)), nil
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

// both makes the entries of one event for the job's stream and for its owner's. Only the job's stream can end.
func both(job db.Job, typ string, data any, end bool) []stream.Entry {
	raw, _ := json.Marshal(data) // of plain structs: can't fail
	entries := []stream.Entry{{Key: stream.Job(job.ID), Type: typ, Data: raw, End: end}}
	if job.Owner != System {
		entries = append(entries, stream.Entry{Key: stream.User(job.Owner), Type: typ, Data: raw, Job: job.ID})
	}
	return entries
}
