package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

const (
	settleTimeout = 5 * time.Second  // one try
	settleWithin  = 10 * time.Minute // PostgreSQL may be away that long, and the outcome is kept for it
)

// settle puts the outcome of an attempt on record and returns what Asynq is to do with the task. cause is why the run's
// context ended, nil if it did not; a handler that succeeded all the same, did.
func (r *Runner) settle(run *Run, out outcome, cause error, abandoned bool) error {
	job := run.job
	tracing.Fail(run.span, out.err)
	tracing.ObserveIn(run.span, r.engine.metrics.run.WithLabelValues(job.Kind), time.Since(run.began).Seconds())
	switch {
	case run.completed.Load() != nil:
		return r.succeeded(run, *run.completed.Load())
	case out.err == nil:
		return r.succeed(run, out)
	case errors.Is(cause, ErrCancelled):
		r.count(run, Cancelled) // who cancelled it has it on record
		return nil
	case errors.Is(cause, ErrLost), errors.Is(out.err, ErrLost):
		return r.notOurs(run)
	case errors.Is(cause, ErrHandedBack):
		return nil // Stop releases what is still running
	case errors.Is(cause, ErrTimeout):
		out.err = fmt.Errorf("%w (%w)", ErrTimeout, out.err)
	}
	v := r.engine.cfg.judge(out.err, int(job.Attempt), int(job.MaxAttempts))
	switch {
	case v.retry && abandoned:
		return r.abandon(run, v)
	case v.retry:
		return r.retryLater(run, v, out.err)
	}
	return r.fail(run, v, out.err)
}

func (r *Runner) succeed(run *Run, out outcome) error {
	if out.unwritable != nil {
		return r.unwritable(run, out.unwritable)
	}
	n, err := r.complete(run, out.result)
	switch {
	case invalidData(err):
		return r.unwritable(run, err)
	case err != nil:
		return r.unsettled(run, err)
	case n == 0:
		return r.notOurs(run)
	}
	return r.succeeded(run, out.result)
}

// complete puts a result on record, together with others where it can.
func (r *Runner) complete(run *Run, result json.RawMessage) (int64, error) {
	if !r.engine.cfg.Plain && len(result) <= longResult {
		ours, err := r.joined.completions.Do(completion{
			ref: ref{run.job.ID, run.job.Epoch}, started: run.started(), result: result, span: run.span,
		})
		switch {
		case err == nil && ours:
			return 1, nil
		case err == nil:
			return 0, nil
		}
		// One of them may be to blame, and only that one.
	}
	return r.write(run, func(ctx context.Context) (int64, error) {
		n, err := db.New().CompleteJob(ctx, r.engine.pool, db.CompleteJobParams{
			ID: run.job.ID, Epoch: run.job.Epoch, StartedAt: run.started(), Result: result,
		})
		if invalidData(err) {
			err = backoff.Permanent(err)
		}
		return n, err
	})
}

// unwritable fails a job whose result is no JSON, or none that PostgreSQL takes.
func (r *Runner) unwritable(run *Run, err error) error {
	err = fault.Wrap(err, fault.Internal, "The job's result can't be written down.")
	return r.fail(run, verdict{code: fault.Internal, detail: fault.Message(err)}, err)
}

// invalidData tells that PostgreSQL refuses a value, such as a NUL in a text, and always will (SQLSTATE class 22).
func invalidData(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "22")
}

func (r *Runner) succeeded(run *Run, result json.RawMessage) error {
	job := run.job
	job.State, job.Result, job.ErrorCode, job.ErrorMessage = Succeeded, result, nil, nil
	r.count(run, Succeeded)
	run.hush()
	r.engine.tellNext(job)
	return nil
}

func (r *Runner) retryLater(run *Run, v verdict, why error) error {
	n, err := r.write(run, func(ctx context.Context) (int64, error) {
		return db.New().RetryJobLater(ctx, r.engine.pool, db.RetryJobLaterParams{
			ID: run.job.ID, Epoch: run.job.Epoch, StartedAt: run.started(), DelaySeconds: v.delay.Seconds(), AttemptsBack: v.back,
			ErrorCode: text(string(v.code)), ErrorMessage: text(v.detail),
		})
	})
	if err != nil {
		return r.unsettled(run, err)
	}
	if n == 0 {
		return r.notOurs(run)
	}
	outcome := "retried"
	if v.code == "" {
		outcome = "snoozed"
	} else {
		run.log.Warn("job is tried again later", "after", v.delay, "code", v.code, "err", why)
	}
	r.count(run, outcome)
	r.tellRecord(run)
	return delay{v.delay, fmt.Errorf("%s: %s", v.code, v.detail)}
}

func (r *Runner) abandon(run *Run, v verdict) error {
	n, err := r.write(run, func(ctx context.Context) (int64, error) {
		return db.New().AbandonJob(ctx, r.engine.pool, db.AbandonJobParams{
			ID: run.job.ID, Epoch: run.job.Epoch, StartedAt: run.started(), DelaySeconds: v.delay.Seconds(),
			ErrorCode: text(string(v.code)), ErrorMessage: text(v.detail),
		})
	})
	if err != nil {
		return r.unsettled(run, err)
	}
	if n == 0 {
		return r.notOurs(run)
	}
	r.count(run, "retried")
	r.tellRecord(run)
	return nil
}

func (r *Runner) fail(run *Run, v verdict, why error) error {
	lost := false
	var job db.Job
	_, err := r.write(run, func(ctx context.Context) (int64, error) {
		return 0, db.InTx(ctx, r.engine.pool, func(tx pgx.Tx) error {
			n, err := db.New().FailJob(ctx, tx, db.FailJobParams{
				ID: run.job.ID, Epoch: run.job.Epoch, StartedAt: run.started(), ErrorCode: text(string(v.code)), ErrorMessage: text(v.detail),
			})
			if lost = err == nil && n == 0; err != nil || lost {
				return err
			}
			if job, err = db.New().JobByID(ctx, tx, run.job.ID); err != nil {
				return err
			}
			return r.engine.runHooks(ctx, tx, job)
		})
	})
	if err != nil {
		return r.unsettled(run, err)
	}
	if lost {
		return r.notOurs(run)
	}
	run.log.Log(context.Background(), v.level(), "job failed", "code", v.code, "err", why)
	r.count(run, Failed)
	r.engine.tellNext(job)
	return fmt.Errorf("%s: %s: %w", v.code, v.detail, asynq.SkipRetry)
}

// notOurs handles that the job is in another state than running in our name. It may be over by our own doing, in a
// transaction whose commit we did not hear of: then nobody else tells the readers.
func (r *Runner) notOurs(run *Run) error {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	job, err := db.New().JobByID(ctx, r.engine.pool, run.job.ID)
	if err == nil && job.Epoch == run.job.Epoch && (job.State == Succeeded || job.State == Failed) {
		r.count(run, job.State)
		run.hush()
		r.engine.tellNext(job)
		return nil
	}
	run.log.Info("outcome refused, the job is somebody else's or over")
	r.count(run, "lost")
	return nil
}

// unsettled gives up on the record: the worker is stopping, or PostgreSQL is away for very long. A later heartbeat frees
// the job, or the reaper when this worker is gone.
func (r *Runner) unsettled(run *Run, err error) error {
	run.log.Error("outcome could not be put on record", "err", err)
	return delay{claimRetry, err}
}

// write runs a guarded update until PostgreSQL answers, however long it is away: the work is done and must not be done
// again for the lack of a line. It gives up when the worker has to end.
func (r *Runner) write(run *Run, update func(ctx context.Context) (int64, error)) (int64, error) {
	ctx, cancel := context.WithTimeout(trace.ContextWithSpan(context.Background(), run.span), settleWithin)
	defer cancel()
	go func() {
		select {
		case <-r.quit:
			cancel()
		case <-ctx.Done():
		}
	}()
	return backoff.Retry(ctx, func() (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, settleTimeout)
		defer cancel()
		return update(ctx)
	}, backoff.WithMaxElapsedTime(settleWithin), backoff.WithBackOff(&backoff.ExponentialBackOff{
		InitialInterval: 50 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: time.Second,
	}))
}

func (r *Runner) count(run *Run, outcome string) {
	r.engine.metrics.ended.WithLabelValues(run.job.Kind, outcome).Inc()
	run.span.SetAttributes(attribute.String("rohrpost.job.outcome", outcome))
}

// tellRecord publishes the job as it is on record now.
func (r *Runner) tellRecord(run *Run) {
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	job, err := db.New().JobByID(ctx, r.engine.pool, run.job.ID)
	if err != nil {
		run.log.Warn("event not published", "err", err)
		return
	}
	r.engine.tellNext(job)
}

// text is s as PostgreSQL takes it; a message may quote anything.
func text(s string) *string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if s == "" {
		return nil
	}
	return &s
}
