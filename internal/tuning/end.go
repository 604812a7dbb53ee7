package tuning

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/datasets"
	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	// endWithin is how long a service may be away until what is left there is given up, and the job fails for somebody to
	// see to it.
	endWithin = 7 * 24 * time.Hour
	endPause  = 10 * time.Minute // the longest between two tries
)

// followTuning keeps a tuning in step with its job.
func (s *Service) followTuning(ctx context.Context, tx pgx.Tx, job db.Job) error {
	if job.State == queue.Queued {
		if err := s.queries.ReopenTuning(ctx, tx, job.ID); err != nil {
			return fmt.Errorf("tuning of job %s: %w", job.ID, err)
		}
		return nil
	}
	t, err := s.queries.LockTuningByJob(ctx, tx, job.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tuning of job %s: %w", job.ID, err)
	}
	state := stateFailed
	if job.State == queue.Cancelled {
		state = stateCancelled
	}
	err = s.queries.CloseTuning(ctx, tx, db.CloseTuningParams{
		ID: t.ID, State: state, ErrorCode: job.ErrorCode, ErrorMessage: job.ErrorMessage,
	})
	if err != nil {
		return fmt.Errorf("tuning of job %s: %w", job.ID, err)
	}
	if t.State == stateQueued {
		return nil // nothing left the house
	}
	// A request may be on its way just now, or its answer lost.
	return s.leave(ctx, tx, t, tasks.EndTuningArgs{Cancel: true, Search: t.State != stateTuning})
}

// leave enqueues the end of a tuning at the service. What may still be on its way there is waited for.
func (s *Service) leave(ctx context.Context, tx pgx.Tx, t db.Tuning, args tasks.EndTuningArgs) error {
	args.TuningID, args.Round, args.RemoteJob, args.Keep = t.ID, t.Round, db.Text(t.RemoteJob), s.cfg.KeepFiles
	for _, file := range []*string{t.TrainingFile, t.ValidationFile} {
		if file != nil {
			args.Files = append(args.Files, *file)
		}
	}
	opts := []queue.Option{queue.By(t.Owner)}
	if args.Search {
		opts = append(opts, queue.At(s.now().Add(s.cfg.Settle)))
	}
	if _, err := queue.Enqueue(ctx, tx, tasks.EndTuning, args, opts...); err != nil {
		return fmt.Errorf("end tuning %s at the service: %w", t.ID, err)
	}
	return nil
}

// Ended is the outcome of an ai:tune-end job.
type Ended struct {
	RemoteJob    string `json:"service_job,omitempty"`
	Status       string `json:"status,omitempty"` // of the job at the service
	DeletedFiles int    `json:"deleted_files"`
}

// End does at the service what a tuning that is over needs there. It is put off while the service is away.
func (s *Service) End(ctx context.Context, job *queue.Job[tasks.EndTuningArgs]) (any, error) {
	if !s.Configured() {
		return nil, notConfigured()
	}
	done, err := s.end(ctx, job.Args, job.Record().CreatedAt)
	age := s.now().Sub(job.Record().CreatedAt)
	code := fault.CodeOf(err)
	if err != nil && ctx.Err() == nil && fault.ClassOf(code).Retryable && code != fault.Internal && age < endWithin {
		job.Log().Warn("the tuning service can't be asked to end what it does; it is asked again later", "err", err)
		usual := min(max(age/4, s.cfg.PollMin), max(endPause, s.cfg.PollMin))
		return nil, queue.Snooze(max(min(openai.RetryAfter(err), maxWait), usual))
	}
	if err != nil {
		return nil, err
	}
	return done, nil
}

func (s *Service) end(ctx context.Context, args tasks.EndTuningArgs, enqueued time.Time) (Ended, error) {
	done := Ended{RemoteJob: args.RemoteJob}
	// What was made for this round was made after it began, and that is at most this long ago.
	since := enqueued.Add(-s.cfg.Deadline - tasks.Tune.Timeout)
	files := map[string]bool{}
	for _, id := range args.Files {
		files[id] = true
	}
	if args.Search {
		found, err := s.Remote.FindFiles(ctx, since, fileName(args.TuningID, args.Round, datasets.Train),
			fileName(args.TuningID, args.Round, datasets.Validation))
		if err != nil && fault.CodeOf(err) != fault.NotFound {
			return done, err
		}
		for _, some := range found {
			for _, file := range some {
				files[file.ID] = true
			}
		}
	}
	if args.Search && done.RemoteJob == "" {
		job, err := s.Remote.FindJob(ctx, since, ref(args.TuningID, args.Round), "")
		if err != nil {
			return done, err
		}
		if job != nil {
			done.RemoteJob = job.ID
		}
	}
	if args.Cancel && done.RemoteJob != "" {
		status, err := s.cancel(ctx, done.RemoteJob)
		if err != nil {
			return done, err
		}
		done.Status = status
		err = s.queries.RecordTuningEnd(ctx, s.Pool, db.RecordTuningEndParams{
			ID: args.TuningID, Round: args.Round, RemoteJob: &done.RemoteJob, RemoteStatus: &status,
		})
		if err != nil {
			return done, fmt.Errorf("record the end of tuning %s: %w", args.TuningID, err)
		}
	}
	if args.Keep {
		return done, nil
	}
	for id := range files {
		if err := s.Remote.DeleteFile(ctx, id); err != nil {
			return done, err
		}
		done.DeletedFiles++
	}
	return done, nil
}

// cancel stops a job at the service and returns its last state there. One that is over, or gone, is fine.
func (s *Service) cancel(ctx context.Context, id string) (string, error) {
	job, err := s.Remote.CancelJob(ctx, id)
	switch fault.CodeOf(err) {
	case "":
		return job.Status, nil
	case fault.NotFound:
		return "gone", nil
	case fault.Invalid, fault.Unavailable: // the latter for a conflict, which is how some say that it is over
		now, asked := s.Remote.Job(ctx, id)
		if asked == nil && now.Ended() {
			return now.Status, nil
		}
	}
	return "", err
}
