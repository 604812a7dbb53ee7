package tuning

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// look sees how the service's job is doing. Its error puts the next look off until it is worth it.
func (w *work) look(ctx context.Context) error {
	job, err := w.Remote.Job(ctx, *w.t.RemoteJob)
	if err != nil {
		return w.putOff(ctx, err)
	}
	if job.Status == "" {
		return w.putOff(ctx, fault.New(fault.Unavailable, "The model service does not say how the job is doing."))
	}
	heard, err := w.hear(ctx, job.Ended())
	if err != nil {
		return w.putOff(ctx, err)
	}
	news := heard || db.Text(w.t.RemoteStatus) != job.Status
	idle := w.t.IdlePolls + 1
	if news {
		idle = 0
	}
	if err := w.noted(ctx, job.Status, tokens(job), idle); err != nil {
		return err
	}
	if news {
		if err := w.run.Progress(ctx, w.progress(job)); err != nil {
			return err
		}
	}
	switch job.Status {
	case openai.Succeeded:
		return w.succeed(ctx, job)
	case openai.Failed:
		return fault.New(Failed, "The service could not tune the model: %s", said(job))
	case openai.Cancelled:
		return fault.New(Failed, "Somebody cancelled the tuning at the service.")
	}
	return w.again(w.cfg.pause(idle))
}

// again puts the next look off, unless it has taken too long already.
func (w *work) again(after time.Duration) error {
	if w.overdue() {
		return overdue(w.cfg.Deadline)
	}
	return queue.Snooze(after)
}

// noted puts a look on record, the idle-th without news.
func (w *work) noted(ctx context.Context, status string, trained *int64, idle int32) error {
	n, err := w.queries.RecordTuningPoll(ctx, w.Pool, db.RecordTuningPollParams{
		ID: w.t.ID, Round: w.t.Round, RemoteStatus: status, IdlePolls: idle, TrainedTokens: trained,
	})
	if err := ours(n, err); err != nil {
		return fmt.Errorf("record a look at job %s of the service: %w", *w.t.RemoteJob, err)
	}
	return nil
}

// putOff has a service that can't be asked asked again: what it does goes on meanwhile, so that is no attempt. Errors
// that asking again doesn't change are returned.
func (w *work) putOff(ctx context.Context, err error) error {
	code := fault.CodeOf(err)
	if ctx.Err() != nil || !fault.ClassOf(code).Retryable || code == fault.Internal {
		return err
	}
	idle := w.t.IdlePolls + 1
	if err := w.noted(ctx, db.Text(w.t.RemoteStatus), w.t.TrainedTokens, idle); err != nil {
		return err
	}
	w.run.Log().Warn("the tuning service can't be asked; it is asked again later", "err", err)
	trouble := Progress{
		Phase: "tuning", Status: db.Text(w.t.RemoteStatus), RemoteJob: *w.t.RemoteJob, Trouble: fault.Message(err),
	}
	if lost := w.run.Progress(ctx, trouble); lost != nil {
		return lost
	}
	return w.again(max(min(openai.RetryAfter(err), maxWait), w.cfg.pause(idle)))
}

func (w *work) progress(job openai.Job) Progress {
	return Progress{
		Phase: "tuning", Status: job.Status, RemoteJob: job.ID, TrainedTokens: job.TrainedTokens,
		EstimatedFinish: job.EstimatedFinish,
	}
}

// succeed makes the finished model known, in the transaction that ends the job.
func (w *work) succeed(ctx context.Context, job openai.Job) error {
	if job.Model == "" || len(job.Model) > maxModelName || openai.Clean(job.Model, maxModelName) != job.Model {
		return fault.New(Failed, "The service says that it is done, and does not name the model.")
	}
	result := Result{TuningID: w.t.ID, Model: job.Model, TrainedTokens: job.TrainedTokens}
	return db.InTx(ctx, w.Pool, func(tx pgx.Tx) error {
		if err := queue.Complete(ctx, tx, w.run, result); err != nil {
			return err
		}
		n, err := w.queries.SucceedTuning(ctx, tx, db.SucceedTuningParams{
			ID: w.t.ID, Round: w.t.Round, Model: job.Model, RemoteStatus: job.Status, TrainedTokens: tokens(job),
		})
		if err := ours(n, err); err != nil {
			return fmt.Errorf("record the model: %w", err)
		}
		known, err := w.queries.InsertTunedModel(ctx, tx, db.InsertTunedModelParams{
			Name: job.Model, Base: w.t.BaseModel, Creator: w.t.Owner, JobID: w.run.ID(), TuningID: &w.t.ID,
		})
		if err != nil {
			return fmt.Errorf("make the model known: %w", err)
		}
		if known == 0 {
			w.run.Log().Warn("the tuned model can't be asked: one that was made here has its name", "model", job.Model)
		}
		return w.leave(ctx, tx, w.t, tasks.EndTuningArgs{})
	})
}

// maxModelName is the longest name of a model, in bytes, as it can be asked.
const maxModelName = 200

func tokens(job openai.Job) *int64 {
	if job.TrainedTokens <= 0 {
		return nil
	}
	return &job.TrainedTokens
}

func said(job openai.Job) string {
	switch {
	case job.Message != "":
		return job.Message
	case job.Code != "":
		return job.Code + "."
	}
	return "it does not say why."
}
