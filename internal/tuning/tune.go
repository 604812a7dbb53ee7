package tuning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Result is the outcome of an ai:tune job.
type Result struct {
	TuningID      uuid.UUID `json:"tuning_id"`
	Model         string    `json:"model"`
	TrainedTokens int64     `json:"trained_tokens"`
}

// work is one run of a tuning's job.
type work struct {
	*Service
	run *queue.Run
	t   db.Tuning
}

// Tune takes a tuning as far as it gets without waiting, and asks to be called again when it is worth another look.
func (s *Service) Tune(ctx context.Context, job *queue.Job[tasks.TuneArgs]) (any, error) {
	if !s.Configured() {
		return nil, notConfigured()
	}
	t, err := s.queries.TuningByID(ctx, s.Pool, job.Args.TuningID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "The tuning is gone.")
	}
	if err != nil {
		return nil, fmt.Errorf("tuning %s: %w", job.Args.TuningID, err)
	}
	w := &work{Service: s, run: job.Run, t: t}
	if t.RemoteJob == nil {
		if w.overdue() {
			return nil, overdue(s.cfg.Deadline)
		}
		if err := w.begin(ctx); err != nil {
			return nil, asked(err)
		}
	}
	return nil, w.look(ctx)
}

func (w *work) overdue() bool { return w.now().Sub(w.t.BegunAt) > w.cfg.Deadline }

func overdue(deadline time.Duration) error {
	return fault.New(Overdue, "The tuning took longer than %s (TUNING_DEADLINE).", deadline)
}

// begin has the service start its job.
func (w *work) begin(ctx context.Context) error {
	if w.t.State != stateCreating {
		if err := w.provide(ctx); err != nil {
			return err
		}
	}
	return w.create(ctx)
}

// create starts the job at the service. When it may have been started before, it is looked for first.
func (w *work) create(ctx context.Context) error {
	if w.t.State == stateCreating && w.t.AskedAt != nil {
		if rest := w.cfg.Settle - w.now().Sub(*w.t.AskedAt); rest > 0 {
			return queue.Snooze(min(rest, w.cfg.Settle))
		}
		found, err := w.Remote.FindJob(ctx, w.t.BegunAt, w.ref(), db.Text(w.t.TrainingFile))
		if err != nil {
			return certain(err, "The service does not tell whether it has started the job. Look there before you try again.")
		}
		if found != nil {
			w.run.Log().Info("tuning job found again", "remote", found.ID)
			return w.created(ctx, *found)
		}
	}
	now := w.now().UTC().Truncate(time.Microsecond)
	n, err := w.queries.MarkTuningCreating(ctx, w.Pool, db.MarkTuningCreatingParams{ID: w.t.ID, Round: w.t.Round, AskedAt: now})
	if err := ours(n, err); err != nil {
		return fmt.Errorf("record that the job is being created: %w", err)
	}
	w.t.State, w.t.AskedAt = stateCreating, &now
	hyper, err := hyperparameters(w.t)
	if err != nil {
		return err
	}
	job, err := w.Remote.CreateJob(ctx, openai.Order{
		Ref: w.ref(), BaseModel: w.t.BaseModel, Suffix: w.t.Suffix,
		TrainingFile: db.Text(w.t.TrainingFile), ValidationFile: db.Text(w.t.ValidationFile),
		Epochs: hyper.Epochs, BatchSize: hyper.BatchSize, LearningRateMultiplier: hyper.LearningRateMultiplier,
	})
	if err != nil {
		return err
	}
	return w.created(ctx, job)
}

// created puts the service's job on record.
func (w *work) created(ctx context.Context, job openai.Job) error {
	n, err := w.queries.RecordTuningJob(ctx, w.Pool, db.RecordTuningJobParams{
		ID: w.t.ID, Round: w.t.Round, RemoteJob: job.ID, RemoteStatus: job.Status,
	})
	if err := ours(n, err); err != nil {
		return fmt.Errorf("record job %s of the service: %w", job.ID, err)
	}
	w.t.State, w.t.RemoteJob, w.t.RemoteStatus = stateTuning, &job.ID, &job.Status
	return nil
}

// ref is our name for this round of the tuning at the service.
func (w *work) ref() string { return ref(w.t.ID, w.t.Round) }

func ref(id uuid.UUID, round int32) string { return fmt.Sprintf("%s-%d", id, round) }

// ours turns an update of no row into the loss of the job: it was cancelled, or runs elsewhere.
func ours(n int64, err error) error {
	if err == nil && n == 0 {
		return queue.ErrLost
	}
	return err
}

// asked has a service that said when to come back asked again then, which costs no attempt; the deadline bounds it.
func asked(err error) error {
	after := openai.RetryAfter(err)
	if after > 0 && fault.ClassOf(fault.CodeOf(err)).Retryable {
		return queue.Snooze(min(after, maxWait))
	}
	return err
}

// certain keeps what can't be retried from looking like a mistake of the order.
func certain(err error, sentence string) error {
	code := fault.CodeOf(err)
	if code == fault.NotFound || code == fault.Invalid {
		return fault.Wrap(err, Failed, "%s", sentence)
	}
	return err
}
