package deadletter

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// AskRetry enqueues a [tasks.RetryDead] in tx for the dead letters that there are now. A rate of 0 takes [DefaultRate].
func (s *Service) AskRetry(ctx context.Context, tx pgx.Tx, by audit.Actor, f tasks.DeadLetters, rate int) (queue.Record, error) {
	if rate == 0 {
		rate = DefaultRate
	}
	if rate < 0 || rate > MaxRate {
		return queue.Record{}, fault.New(fault.Invalid, "The rate goes from 1 to %d jobs a second.", MaxRate)
	}
	return ask(ctx, s, tx, by, f, tasks.RetryDead, "deadletter.retry", func(at time.Time) tasks.RetryDeadArgs {
		return tasks.RetryDeadArgs{DeadLetters: f, FailedBy: at, Rate: rate}
	})
}

// AskDiscard enqueues a [tasks.DiscardDead] in tx for the dead letters that there are now.
func (s *Service) AskDiscard(ctx context.Context, tx pgx.Tx, by audit.Actor, f tasks.DeadLetters) (queue.Record, error) {
	return ask(ctx, s, tx, by, f, tasks.DiscardDead, "deadletter.discard", func(at time.Time) tasks.DiscardDeadArgs {
		return tasks.DiscardDeadArgs{DeadLetters: f, FailedBy: at}
	})
}

func ask[A any](ctx context.Context, s *Service, tx pgx.Tx, by audit.Actor, f tasks.DeadLetters, kind queue.Kind[A],
	action string, args func(at time.Time) A) (queue.Record, error) {
	if err := picks(f); err != nil {
		return queue.Record{}, err
	}
	at, err := s.queries.Now(ctx, tx)
	if err != nil {
		return queue.Record{}, fmt.Errorf("%s: %w", action, err)
	}
	found, err := s.count(ctx, tx, f, uuid.Nil)
	if err != nil {
		return queue.Record{}, err
	}
	asked := args(at)
	job, err := queue.Enqueue(ctx, tx, kind, asked, queue.By(by.User))
	if err != nil {
		return queue.Record{}, err
	}
	err = audit.Record(ctx, tx, by, audit.Entry{
		Action: action, Target: target(f), Detail: map[string]any{"args": asked, "found": found, "job_id": job.ID},
	})
	return job, err
}

// target says in a word which are meant; the whole is in the entry's detail.
func target(f tasks.DeadLetters) string {
	switch {
	case len(f.IDs) == 1:
		return f.IDs[0].String()
	case len(f.IDs) > 1:
		return fmt.Sprintf("%d jobs", len(f.IDs))
	case f.Kind != "" && f.Code != "":
		return f.Kind + " " + f.Code
	case f.Kind != "":
		return f.Kind
	case f.Code != "":
		return f.Code
	}
	return f.Q
}
