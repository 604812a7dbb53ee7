package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// tokenRetryMost is the longest wait between two attempts while Redis is away; the first is a tenth.
const tokenRetryMost = 500 * time.Millisecond

// TokenOptions say whose tokens a [TokenWriter] writes.
type TokenOptions struct {
	Job   uuid.UUID // its stream gets the tokens
	Owner uuid.UUID // so does this user's; uuid.Nil for none
	Epoch int64     // of the running job, for fencing
	// Data makes an event's data from its text. Nil makes {"job_id": …, "token": …}.
	Data func(text string) json.RawMessage
	// OnRefused is called once, from the writer's goroutine, when the stream was taken over ([ErrFenced]) or has ended
	// ([ErrEnded]): the job should stop. It must not call Close. May be nil.
	OnRefused func(error)
	// Through calls each attempt to write, or refuses it as the stream would. Nil calls it.
	Through func(write func() error) error
}

// TokenWriter turns the tokens of a model into events of type token: the first at once, then at most one per
// Config.Coalesce, or earlier when CoalesceEvents tokens or CoalesceBytes bytes wait. Each event holds only new text.
//
// While Redis is away it keeps up to Config.PendingBytes and tries again; the oldest is dropped beyond, see
// [TokenWriter.Lost]. It holds one goroutine until Close.
type TokenWriter struct {
	cfg     Config
	opts    TokenOptions
	prepare func([]Entry) ([]*part, error)
	run     func(context.Context, []*part) error

	ctx    context.Context // ends the attempts when Close gives up
	cancel context.CancelFunc
	wake   chan struct{} // one slot: the first of new text, or enough of it, or closing
	done   chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	pending pending // guarded by mu, like all below
	closing bool
	err     error // the refusal that ended it
	last    error // of the latest attempt, nil when it worked
	flying  bool  // text was taken and isn't known to be written
}

// NewTokenWriter makes a writer and starts it. Close it.
func NewTokenWriter(log *Log, opts TokenOptions) *TokenWriter {
	return newTokenWriter(log.cfg, opts, func(entries []Entry) ([]*part, error) {
		return log.parts(opts.Epoch, entries)
	}, log.run)
}

func newTokenWriter(cfg Config, opts TokenOptions, prepare func([]Entry) ([]*part, error),
	run func(context.Context, []*part) error) *TokenWriter {
	if opts.Data == nil {
		opts.Data = func(text string) json.RawMessage { return tokenData(opts.Job, text) }
	}
	if opts.Through == nil {
		opts.Through = func(write func() error) error { return write() }
	}
	w := &TokenWriter{
		cfg: cfg, opts: opts, prepare: prepare, run: run,
		wake: make(chan struct{}, 1), done: make(chan struct{}),
		pending: pending{max: cfg.PendingBytes},
	}
	// Not the job's context: what the model said before the job was stopped is still to be flushed by Close.
	w.ctx, w.cancel = context.WithCancel(context.Background())
	go w.loop()
	return w
}

// tokenData is the data of a token event.
func tokenData(job uuid.UUID, text string) json.RawMessage {
	data, _ := json.Marshal(struct { // of strings only: can't fail
		JobID string `json:"job_id"`
		Token string `json:"token"`
	}{job.String(), text})
	return data
}

// Write hands over a token. It never waits for Redis. After Close or a refusal it does nothing.
func (w *TokenWriter) Write(text string) {
	if text == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closing || w.err != nil {
		return
	}
	first := w.pending.writes == 0
	w.pending.add(text)
	if first || w.full() {
		w.signal()
	}
}

// Err returns [ErrFenced] or [ErrEnded], wrapped, once the stream refuses the writer, else nil.
func (w *TokenWriter) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// Lost tells whether text was dropped because Redis was away for too long. The record has it all the same.
func (w *TokenWriter) Lost() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pending.lost
}

// Close flushes what is left and ends the writer. It waits for Redis until ctx ends, and no longer than Config.Timeout.
// It returns the refusal that ended the writer, or why the rest wasn't written. Closing twice is fine.
func (w *TokenWriter) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	w.mu.Lock()
	w.closing = true
	w.signal()
	w.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
		w.cancel() // the goroutine ends as soon as its call to Redis returns, which is bounded
	}
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.err != nil:
		return w.err
	case len(w.pending.text) > 0 || w.flying:
		return fmt.Errorf("flush tokens: %w", errors.Join(ctx.Err(), w.last))
	}
	return nil
}

// signal wakes the loop. The caller holds mu.
func (w *TokenWriter) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// full tells whether enough waits to be flushed early. The caller holds mu.
func (w *TokenWriter) full() bool {
	return w.pending.writes >= w.cfg.CoalesceEvents || len(w.pending.text) >= w.cfg.CoalesceBytes
}
