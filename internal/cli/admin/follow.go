package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/pause"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

const (
	// lookEvery is how often the record is looked at where there are no live events.
	lookEvery = 500 * time.Millisecond
	// doubtAfter is how long nothing may happen before the record is asked whether that is all.
	doubtAfter = 3 * time.Second
	// settle is how long the events of a job that is over by its record may take to come.
	settle = 2 * time.Second
)

// follower follows one job. The record in PostgreSQL says how it is; the events tell the way there.
type follower struct {
	h     House
	id    uuid.UUID
	hub   *stream.Hub // nil without Redis
	sub   *stream.Subscription
	after string // the last event that was told
	live  bool   // events came at least once
	away  bool   // that they don't was told
	tell  teller
}

// follow tells what a job does until it is over, and returns it then.
func (c *console) follow(ctx context.Context, h House, id uuid.UUID) (db.Job, error) {
	f := &follower{h: h, id: id}
	job, err := f.record(ctx)
	if err != nil {
		return job, err
	}
	if c.screen.JSON {
		f.tell = &lineTeller{screen: c.screen}
	} else {
		f.tell = &gaugeTeller{screen: c.screen, gauge: c.screen.Gauge(), kind: kinds[job.Kind], args: job.Args}
	}
	defer f.tell.close()
	if h.Redis != nil {
		f.hub = stream.NewHub(h.Redis, h.Stream, nil, slog.New(slog.DiscardHandler))
		f.hub.Start(context.WithoutCancel(ctx))
		defer f.hub.Stop()
	}
	for !ended(job.State) {
		if f.sub == nil || !f.live {
			f.tell.record(job)
		}
		if err := f.more(ctx, job); err != nil {
			return job, err
		}
		if job, err = f.record(ctx); err != nil {
			return job, err
		}
	}
	return job, f.finish(ctx, job)
}

// more tells events until there is reason to look at the record.
func (f *follower) more(ctx context.Context, job db.Job) error {
	f.subscribe(ctx)
	if f.sub == nil {
		return pause.For(ctx, lookEvery)
	}
	for {
		waiting, cancel := context.WithTimeout(ctx, doubtAfter)
		event, err := f.sub.Next(waiting)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			return nil
		case err != nil:
			f.leave()
			if errors.Is(err, io.EOF) { // of an earlier run, if the record says that the job goes on
				f.after = ""
				return pause.For(ctx, lookEvery)
			}
			return nil
		}
		f.after, f.live = event.ID, true
		f.tell.event(event, job.Epoch)
		if event.End {
			return nil
		}
	}
}

// subscribe tries to be told live.
func (f *follower) subscribe(ctx context.Context) {
	if f.hub == nil || f.sub != nil {
		return
	}
	sub, err := f.hub.Subscribe(ctx, stream.Job(f.id), f.after)
	if err == nil {
		f.sub, f.away = sub, false
		return
	}
	if !f.away && ctx.Err() == nil {
		f.away = true
		f.tell.hint("Redis does not answer: the job is followed by its record.")
	}
}

func (f *follower) leave() {
	f.sub.Close()
	f.sub = nil
}

// finish tells the events that are on their way still, and what they leave out from the record.
func (f *follower) finish(ctx context.Context, job db.Job) error {
	waiting, cancel := context.WithTimeout(ctx, settle)
	defer cancel()
	if f.sub == nil && !f.live {
		f.subscribe(waiting) // it was over before it could be followed
	}
	if f.sub != nil {
		defer f.sub.Close()
		for {
			event, err := f.sub.Next(f.patiently(waiting))
			if err != nil {
				break
			}
			f.tell.event(event, job.Epoch)
			f.live = true
			if event.End {
				break
			}
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.tell.end(job)
	return nil
}

// patiently is ctx where more events can be expected. Of a job that is over and has told nothing, none will come.
func (f *follower) patiently(ctx context.Context) context.Context {
	if f.live {
		return ctx
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	return over
}

func (f *follower) record(ctx context.Context) (db.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	job, err := db.New().JobByID(ctx, f.h.Pool, f.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return job, fault.New(fault.NotFound, "There is no such job.")
	}
	if err != nil {
		return job, fmt.Errorf("job %s: %w", f.id, err)
	}
	return job, nil
}

// recordTimeout bounds a look at the record: a row by its key.
const recordTimeout = 10 * time.Second

func ended(state string) bool {
	return state == queue.Succeeded || state == queue.Failed || state == queue.Cancelled
}

// stateOf reads an event of type state.
func stateOf(raw json.RawMessage) (s state) {
	_ = json.Unmarshal(raw, &s) // it is the engine's; one that can't be read says nothing
	return s
}

// state is what an event of type state tells.
type state struct {
	State   string     `json:"state"`
	Epoch   int64      `json:"epoch"`
	Attempt int32      `json:"attempt"`
	RunAt   *time.Time `json:"run_at"`
	Waiting string     `json:"waiting_for"`
	Error   *struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}
