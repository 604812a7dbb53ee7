package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/stream"
)

const (
	progressEvery   = time.Second     // how often progress is written to the record
	progressTimeout = 3 * time.Second // for either of its writes
)

// Job is one attempt of a job whose arguments are an A, in the hands of its handler.
type Job[A any] struct {
	*Run
	Args A
}

// Run is one attempt of a job. It ends when its handler returns.
type Run struct {
	engine *Engine
	job    db.Job
	log    *slog.Logger
	began  time.Time
	stop   context.CancelCauseFunc // ends the handler's context
	told   *telling                // that it runs
	span   trace.Span              // of the attempt

	completed atomic.Pointer[json.RawMessage] // the result, once a transaction with Complete has committed

	speaking sync.RWMutex // read-held while something is told, held to end that; guards silent
	silent   bool         // its success is told, or about to be: nothing may come after that

	opened  sync.Mutex // held while the readers are told that it runs
	mu      sync.Mutex // guards written
	written time.Time  // when progress was last put on record
}

// ID names the job.
func (r *Run) ID() uuid.UUID { return r.job.ID }

// Kind is the name of the job's kind.
func (r *Run) Kind() string { return r.job.Kind }

// Owner is the user who asked for the job, or [System].
func (r *Run) Owner() uuid.UUID { return r.job.Owner }

// Epoch is the fencing token of this run.
func (r *Run) Epoch() int64 { return r.job.Epoch }

// started is when the job was claimed, by PostgreSQL's clock: no two runs of a job have it in common.
func (r *Run) started() time.Time { return *r.job.StartedAt }

// ours tells whether a job, as it is on record now, is in the hands of this run.
func (r *Run) ours(job db.Job) bool {
	return job.Epoch == r.job.Epoch && job.State == Running && job.StartedAt != nil && job.StartedAt.Equal(r.started())
}

// Attempt counts the attempts, 1 for the first.
func (r *Run) Attempt() int { return int(r.job.Attempt) }

// Record is the job as it was claimed.
func (r *Run) Record() db.Job { return r.job }

// Log is a logger that names the job.
func (r *Run) Log() *slog.Logger { return r.log }

// Progress tells the readers of the job how far it is, and puts it on record at most once a second. progress must
// marshal to JSON. The error is [ErrLost] when the job is not this run's any more, and the run's context has ended then;
// Redis or PostgreSQL being away is logged, not returned.
func (r *Run) Progress(ctx context.Context, progress any) error {
	raw, err := json.Marshal(progress)
	if err != nil {
		return fmt.Errorf("progress of %s: %w", r.job.ID, err)
	}
	if r.due() {
		ctx, cancel := context.WithTimeout(ctx, progressTimeout)
		defer cancel()
		n, err := db.New().SetJobProgress(ctx, r.engine.pool, db.SetJobProgressParams{
			ID: r.job.ID, Epoch: r.job.Epoch, StartedAt: r.started(), Progress: raw,
		})
		switch {
		case err != nil:
			r.log.Warn("progress not on record", "err", err)
		case n == 0:
			r.refused()
			return ErrLost
		}
	}
	return r.Event(ctx, stream.TypeProgress, struct {
		JobID    uuid.UUID       `json:"job_id"`
		Progress json.RawMessage `json:"progress"`
	}{r.job.ID, raw})
}

// Event tells the readers of the job, and its owner, something of the given type. data must marshal to a JSON object.
// Errors are those of Progress.
func (r *Run) Event(ctx context.Context, typ string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("event %s of %s: %w", typ, r.job.ID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	err = r.speak(func() error {
		r.open(ctx)
		return r.engine.events.Append(ctx, r.job.Epoch, both(r.job, typ, json.RawMessage(raw), false)...)
	})
	switch fault.CodeOf(err) {
	case "":
	case fault.Conflict:
		r.refused()
		return ErrLost
	default:
		r.log.Warn("event not published", "type", typ, "err", err)
	}
	return nil
}

// EventOnce is Event for what must be told once, whatever happens to the worker: another run of the job that tells an
// event with the same key tells nothing. Unlike Event it returns that Redis is away, with the code unavailable.
func (r *Run) EventOnce(ctx context.Context, key, typ string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("event %s of %s: %w", typ, r.job.ID, err)
	}
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	err = r.speak(func() error {
		r.open(ctx)
		return r.engine.events.AppendAll(ctx, stream.Batch{
			Epoch: r.job.Epoch, Entries: both(r.job, typ, json.RawMessage(raw), false), Key: r.job.ID.String() + "." + key,
		})
	})
	switch fault.CodeOf(err) {
	case "":
		return nil
	case fault.Conflict:
		r.refused()
		return ErrLost
	}
	return fault.Wrap(err, fault.Unavailable, "The live stream can't be written to.")
}

// Tokens is a writer of token events in the name of this run. Close it before the handler returns. When the stream
// refuses it, the run has been fenced off and its context ends.
func (r *Run) Tokens() *stream.TokenWriter {
	ctx, cancel := context.WithTimeout(context.Background(), tellTimeout)
	defer cancel()
	_ = r.speak(func() error { r.open(ctx); return nil }) // refused, each token will be, too
	return stream.NewTokenWriter(r.engine.events, stream.TokenOptions{
		Job: r.job.ID, Owner: r.job.Owner, Epoch: r.job.Epoch, OnRefused: func(error) { r.refused() }, Through: r.speak,
	})
}

// speak tells something unless the run has succeeded. Where nobody follows a job, its success is not told, and so no fence
// in Redis keeps a goroutine that the handler left behind from beginning a log that would never end.
func (r *Run) speak(tell func() error) error {
	r.speaking.RLock()
	defer r.speaking.RUnlock()
	if r.silent {
		return stream.ErrEnded
	}
	return tell()
}

// hush lets what is being told arrive, so that the end is told after it, and nothing more be told.
func (r *Run) hush() {
	r.speaking.Lock()
	defer r.speaking.Unlock()
	r.silent = true
}

// open has the readers know that the job runs before they are told more of it: where nobody read then, that was left out.
func (r *Run) open(ctx context.Context) {
	r.told.wait(ctx)
	r.opened.Lock()
	defer r.opened.Unlock()
	select {
	case <-r.told.over:
	default:
		return // Redis is away
	}
	if r.told.heard {
		return
	}
	r.told.heard = true // or can't be: once more is of use no more when something else may have been told
	err := r.engine.events.Append(ctx, r.job.Epoch, OwnEvents(r.job)...)
	if code := fault.CodeOf(err); code != "" && code != fault.Conflict {
		r.log.Warn("event not published", "type", stream.TypeState, "err", err)
	}
}

// refused ends the run because the record or the stream doesn't take its writes any more: it was fenced off, or
// cancelled and the signal is still on its way.
func (r *Run) refused() {
	ctx, cancel := context.WithTimeout(context.Background(), beatTimeout)
	defer cancel()
	job, err := db.New().JobByID(ctx, r.engine.pool, r.job.ID)
	if err == nil && job.Epoch == r.job.Epoch && job.State == Cancelled {
		r.stop(ErrCancelled)
		return
	}
	r.stop(ErrLost)
}

func (r *Run) due() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.written) < progressEvery {
		return false
	}
	r.written = time.Now()
	return true
}

func (r *Run) decodeArgs(args any) error {
	if err := json.Unmarshal(r.job.Args, args); err != nil {
		return fault.Wrap(err, fault.Invalid, "The job's arguments can't be read.")
	}
	return nil
}

// completed is the signal that a transaction with Complete has committed.
type completed struct {
	run    *Run
	result json.RawMessage
}

// Complete ends the job as succeeded inside tx, so that the effect of the job and its outcome commit together, or
// neither does. Roll back on [ErrLost]: the job is not this run's any more. The handler returns (nil, nil) afterwards.
func Complete(ctx context.Context, tx pgx.Tx, run *Run, result any) error {
	raw, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("result of %s: %w", run.job.ID, err)
	}
	n, err := db.New().CompleteJob(ctx, tx, db.CompleteJobParams{
		ID: run.job.ID, Epoch: run.job.Epoch, StartedAt: run.started(), Result: raw,
	})
	if err != nil {
		return fmt.Errorf("complete job %s: %w", run.job.ID, err)
	}
	if n == 0 {
		return ErrLost
	}
	db.Signal(tx, completed{run, raw})
	return nil
}

// Checkpoint puts progress on record inside tx: what a later attempt needs in order to go on commits with the work that it
// tells of, or neither does. The attempt finds it with [Run.Saved]. Roll back on [ErrLost]: the job is not this run's any
// more. The caller tells the readers with Progress afterwards.
func Checkpoint(ctx context.Context, tx pgx.Tx, run *Run, progress any) error {
	raw, err := json.Marshal(progress)
	if err != nil {
		return fmt.Errorf("checkpoint of %s: %w", run.job.ID, err)
	}
	n, err := db.New().SetJobProgress(ctx, tx, db.SetJobProgressParams{
		ID: run.job.ID, Epoch: run.job.Epoch, StartedAt: run.started(), Progress: raw,
	})
	if err != nil {
		return fmt.Errorf("checkpoint of %s: %w", run.job.ID, err)
	}
	if n == 0 {
		return ErrLost
	}
	return nil
}

// Saved reads the progress that an earlier attempt left into v. ok is false when there is none, as for the first one.
func (r *Run) Saved(v any) (ok bool, err error) {
	if len(r.job.Progress) == 0 {
		return false, nil
	}
	if err := json.Unmarshal(r.job.Progress, v); err != nil {
		return false, fmt.Errorf("progress of %s: %w", r.job.ID, err)
	}
	return true, nil
}
