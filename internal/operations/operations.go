// Package operations is what administrators see and change of queues and of anybody's jobs. Every change is in the audit
// log, in the same transaction.
package operations

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	changeTimeout = 10 * time.Second // of a change to some rows by key, one of which a worker may have in hand
	maxReason     = 500              // characters
)

// Service is the capability. It is safe for concurrent use.
type Service struct {
	pool   *db.Pool
	engine *queue.Engine
	log    *slog.Logger
}

// New makes the service.
func New(pool *db.Pool, engine *queue.Engine, log *slog.Logger) *Service {
	return &Service{pool: pool, engine: engine, log: log}
}

// Queues tells how all queues stand.
func (s *Service) Queues(ctx context.Context) ([]queue.State, error) {
	return s.engine.States(ctx, tasks.QueueNames())
}

// Workers lists the living workers, the oldest first.
func (s *Service) Workers(ctx context.Context) ([]queue.Worker, error) { return s.engine.Workers(ctx) }

// Pause has a queue start nothing until it is resumed, and returns how it stands then. Every job of it that starts has done so
// before Pause returns. Running ones go on; new ones are taken, and wait. A queue that is paused already stays so since
// then, and gets the new reason, which is needed.
func (s *Service) Pause(ctx context.Context, by audit.Actor, name, reason string) (queue.State, error) {
	reason = strings.TrimSpace(reason)
	switch {
	case !known(name):
		return queue.State{}, noQueue()
	case reason == "":
		return queue.State{}, fault.New(fault.Invalid, "A reason is needed.")
	case utf8.RuneCountInString(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsRune(reason, 0):
		return queue.State{}, fault.New(fault.Invalid, "The reason has at most %d characters.", maxReason)
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := queue.PauseTx(ctx, tx, name, queue.Pauser{User: by.User, Name: by.Name}, reason); err != nil {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{Action: "queue.pause", Target: name, Reason: reason})
	})
	if err != nil {
		return queue.State{}, err
	}
	if err := s.engine.SyncPauses(ctx); err != nil {
		s.log.Warn("workers are kept from a paused queue by its record alone until redis knows", "queue", name, "err", err)
	}
	return s.state(ctx, name)
}

// Resume lets a queue start jobs again, and returns how it stands then. One that is not paused stays as it is.
func (s *Service) Resume(ctx context.Context, by audit.Actor, name string) (queue.State, error) {
	if !known(name) {
		return queue.State{}, noQueue()
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	var resumed bool
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		was, ok, err := queue.ResumeTx(ctx, tx, name)
		if resumed = ok; err != nil || !ok {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{
			Action: "queue.resume", Target: name, Detail: map[string]any{"paused_since": was.Since.UTC(), "reason": was.Reason},
		})
	})
	if err != nil {
		return queue.State{}, err
	}
	if resumed {
		if err := s.engine.Resumed(ctx, name); err != nil {
			s.log.Warn("a resumed queue starts with a scheduler's next pass", "queue", name, "err", err)
		}
	}
	return s.state(ctx, name)
}

func (s *Service) state(ctx context.Context, name string) (queue.State, error) {
	states, err := s.engine.States(ctx, []string{name})
	if err != nil {
		return queue.State{}, err
	}
	return states[0], nil
}

func known(name string) bool { return slices.Contains(tasks.QueueNames(), name) }

func noQueue() error {
	return fault.New(fault.NotFound, "There is no such queue, but %s.", strings.Join(tasks.QueueNames(), ", "))
}

// Retry starts anybody's failed or cancelled job afresh. Errors: [fault.NotFound], [queue.Ended] when it is in another
// state.
func (s *Service) Retry(ctx context.Context, by audit.Actor, id uuid.UUID) (db.Job, error) {
	return s.change(ctx, by, "job.retry", id, func(ctx context.Context, tx pgx.Tx) (db.Job, error) {
		return queue.RerunTx(ctx, tx, s.engine, id)
	})
}

// Discard takes anybody's failed job out of the dead letters. Errors: [fault.NotFound], [queue.Ended] when it is no dead
// letter.
func (s *Service) Discard(ctx context.Context, by audit.Actor, id uuid.UUID) (db.Job, error) {
	return s.change(ctx, by, "job.discard", id, func(ctx context.Context, tx pgx.Tx) (db.Job, error) {
		return queue.DiscardTx(ctx, tx, id)
	})
}

// Cancel ends anybody's job that is not over yet. Errors: [fault.NotFound], [queue.Ended] when it is over already.
func (s *Service) Cancel(ctx context.Context, by audit.Actor, id uuid.UUID) (db.Job, error) {
	job, err := s.change(ctx, by, "job.cancel", id, func(ctx context.Context, tx pgx.Tx) (db.Job, error) {
		return queue.CancelTx(ctx, tx, s.engine, id, "It was cancelled by an administrator.")
	})
	if err == nil {
		s.engine.Cancelled(ctx, job)
	}
	return job, err
}

func (s *Service) change(ctx context.Context, by audit.Actor, action string, id uuid.UUID,
	change func(ctx context.Context, tx pgx.Tx) (db.Job, error)) (db.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	var job db.Job
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		was, err := db.New().JobByID(ctx, tx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, "There is no such job.")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", action, err)
		}
		if job, err = change(ctx, tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, by, audit.Entry{Action: action, Target: id.String(), Detail: map[string]any{
			"kind": was.Kind, "owner": was.Owner, "was": was.State, "code": was.ErrorCode,
		}})
	})
	return job, err
}
