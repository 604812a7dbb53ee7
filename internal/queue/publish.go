package queue

import (
	"context"
	"encoding/json"
	"time"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/stream"
)

// tellTimeout bounds how long live events may hold up the work: the record in PostgreSQL is what counts.
const tellTimeout = 2 * time.Second

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

// tell publishes the state of jobs, and the outcome of those that ended, on the jobs' and their owners' streams, in one
// round trip. It fails silently but for the log: readers who miss an event find it in the record.
func (e *Engine) tell(ctx context.Context, jobs ...db.Job) {
	if len(jobs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	batches := make([]stream.Batch, len(jobs))
	for i, job := range jobs {
		batches[i] = stream.Batch{Epoch: job.Epoch, Entries: Events(job)}
	}
	switch err := e.events.AppendAll(ctx, batches...); fault.CodeOf(err) {
	case "", fault.Conflict: // told, or told already, or another run tells
	default:
		e.log.Warn("events not published", "jobs", len(jobs), "first", jobs[0].ID, "state", jobs[0].State, "err", err)
	}
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
