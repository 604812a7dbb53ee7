package deadletter

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	// A slow retry of many would hold its worker's place for hours: it gives it back in between.
	shift = 5 * time.Minute
	// A batch of retries is what a fifth of a second may start, so that even a batch is no burst.
	batchesPerSecond = 5
	discardBatch     = 500
	batchTimeout     = 30 * time.Second // of one batch on a busy database; it takes some 10 ms
)

// Progress is how far it is, and in the end the result.
type Progress struct {
	Of        int64     `json:"of"` // dead letters that there were
	Retried   int64     `json:"retried"`
	Discarded int64     `json:"discarded"`
	Skipped   int64     `json:"skipped"`        // somebody else dealt with them meanwhile, or they can't be tried again
	After     uuid.UUID `json:"after,omitzero"` // the last job that was looked at, until the end
}

// step deals with one batch inside tx and counts it in p.
type step func(ctx context.Context, tx pgx.Tx, ids []uuid.UUID, p *Progress) error

// Retry runs a [tasks.RetryDead].
func (s *Service) Retry(ctx context.Context, job *queue.Job[tasks.RetryDeadArgs]) (any, error) {
	rate := max(1, job.Args.Rate)
	batch := max(1, rate/batchesPerSecond)
	pause := time.Duration(batch) * time.Second / time.Duration(rate)
	return s.work(ctx, job.Run, upTo(job.Args.DeadLetters, job.Args.FailedBy), int32(batch), pause,
		func(ctx context.Context, tx pgx.Tx, ids []uuid.UUID, p *Progress) error {
			for _, id := range ids {
				if err := s.retryOne(ctx, tx, id, job.Args.FailedBy, p); err != nil {
					return err
				}
			}
			return nil
		})
}

// retryOne starts one job afresh. One that can't be is skipped, whatever its hooks had done by then undone.
func (s *Service) retryOne(ctx context.Context, tx pgx.Tx, id uuid.UUID, failedBy time.Time, p *Progress) error {
	err := db.Savepoint(ctx, tx, func(tx pgx.Tx) error {
		_, err := queue.RerunDeadTx(ctx, tx, s.engine, id, failedBy)
		return err
	})
	switch code := fault.CodeOf(err); {
	case err == nil:
		p.Retried++
	case code != fault.Internal && !fault.ClassOf(code).Retryable && ctx.Err() == nil:
		p.Skipped++
	default:
		return fmt.Errorf("retry %s: %w", id, err)
	}
	return nil
}

// Discard runs a [tasks.DiscardDead].
func (s *Service) Discard(ctx context.Context, job *queue.Job[tasks.DiscardDeadArgs]) (any, error) {
	return s.work(ctx, job.Run, upTo(job.Args.DeadLetters, job.Args.FailedBy), discardBatch, 0,
		func(ctx context.Context, tx pgx.Tx, ids []uuid.UUID, p *Progress) error {
			n, err := s.queries.DiscardDeadLetters(ctx, tx, db.DiscardDeadLettersParams{Ids: ids, FailedBy: &job.Args.FailedBy})
			p.Discarded += n
			p.Skipped += int64(len(ids)) - n
			return err
		})
}

// upTo leaves out what failed after it was asked for.
func upTo(f tasks.DeadLetters, failedBy time.Time) tasks.DeadLetters {
	if f.Until == nil || f.Until.After(failedBy) {
		f.Until = &failedBy
	}
	return f
}

// work deals with batches until there is none left, one every pause.
func (s *Service) work(ctx context.Context, run *queue.Run, f tasks.DeadLetters, batch int32, pause time.Duration,
	do step) (any, error) {
	var p Progress
	goesOn, err := run.Saved(&p)
	if err != nil {
		return nil, err
	}
	if !goesOn {
		if p.Of, err = s.count(ctx, s.pool, f, uuid.Nil); err != nil {
			return nil, err
		}
	}
	for began := time.Now(); ; {
		next := time.NewTimer(pause)
		more, err := s.batch(ctx, run, f, batch, &p, do)
		if err != nil || !more {
			next.Stop()
			p.After = uuid.Nil
			return p, err
		}
		if err := run.Progress(ctx, p); err != nil {
			next.Stop()
			return nil, err
		}
		if time.Since(began) > shift {
			next.Stop()
			return nil, queue.Snooze(pause)
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return nil, context.Cause(ctx)
		}
	}
}

// batch deals with the next jobs and moves p on with them. It tells whether there were any.
func (s *Service) batch(ctx context.Context, run *queue.Run, f tasks.DeadLetters, most int32, p *Progress, do step) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, batchTimeout)
	defer cancel()
	var now Progress
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		now = *p
		ids, err := s.queries.DeadLettersAfter(ctx, tx, db.DeadLettersAfterParams{
			After: p.After, Ids: f.IDs, Kind: opt(f.Kind), Code: opt(f.Code), Q: opt(f.Q), Since: f.Since, Until: f.Until,
			Most: most,
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		now.After = ids[len(ids)-1]
		if err := do(ctx, tx, ids, &now); err != nil {
			return err
		}
		return queue.Checkpoint(ctx, tx, run, now)
	})
	if err != nil {
		return false, fmt.Errorf("dead letters: %w", err)
	}
	more := now.After != p.After
	*p = now
	return more, nil
}
