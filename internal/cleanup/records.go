package cleanup

import (
	"context"
	"fmt"
	"time"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

func (s *Service) sessions(w *work) error {
	n, err := s.Accounts.Sessions(w.ctx, w.dry)
	w.line.Count = n
	return err
}

func (s *Service) refreshTokens(w *work) error {
	n, err := s.Accounts.RefreshTokens(w.ctx, w.dry)
	w.line.Count = n
	return err
}

func (s *Service) idempotencyKeys(w *work) error {
	return w.rows(
		func(ctx context.Context, age float64) (int64, error) {
			return s.queries.CountIdempotencyKeys(ctx, s.Pool, age)
		},
		func(ctx context.Context, age float64, most int32) (int64, error) {
			return s.queries.DeleteIdempotencyKeys(ctx, s.Pool, db.DeleteIdempotencyKeysParams{AgeSeconds: age, Most: most})
		})
}

func (s *Service) jobs(w *work) error { return s.endedJobs(w, queue.Succeeded, queue.Cancelled) }

func (s *Service) failedJobs(w *work) error { return s.endedJobs(w, queue.Failed) }

func (s *Service) endedJobs(w *work, states ...string) error {
	var since time.Time
	return w.rows(
		func(ctx context.Context, age float64) (int64, error) {
			return s.queries.CountEndedJobs(ctx, s.Pool, db.CountEndedJobsParams{AgeSeconds: age, States: states})
		},
		func(ctx context.Context, age float64, most int32) (int64, error) {
			gone, err := s.queries.DeleteEndedJobs(ctx, s.Pool, db.DeleteEndedJobsParams{
				Since: since, AgeSeconds: age, States: states, Most: most,
			})
			since = gone.Until
			return gone.Jobs, err
		})
}

func (s *Service) ticks(w *work) error {
	return w.rows(
		func(ctx context.Context, age float64) (int64, error) { return s.queries.CountTicks(ctx, s.Pool, age) },
		func(ctx context.Context, age float64, most int32) (int64, error) {
			return s.queries.DeleteTicks(ctx, s.Pool, db.DeleteTicksParams{AgeSeconds: age, Most: most})
		})
}

func (s *Service) mails(w *work) error {
	return w.rows(
		func(ctx context.Context, age float64) (int64, error) {
			return s.queries.CountOldMails(ctx, s.Pool, age)
		},
		func(ctx context.Context, age float64, most int32) (int64, error) {
			return s.queries.DeleteOldMails(ctx, s.Pool, db.DeleteOldMailsParams{AgeSeconds: age, Most: most})
		})
}

func (s *Service) mailTokens(w *work) error {
	return w.rows(
		func(ctx context.Context, _ float64) (int64, error) {
			return s.queries.CountExpiredMailTokens(ctx, s.Pool)
		},
		func(ctx context.Context, _ float64, most int32) (int64, error) {
			return s.queries.DeleteExpiredMailTokens(ctx, s.Pool, most)
		})
}

// archived removes what Asynq keeps of failed jobs.
func (s *Service) archived(w *work) error {
	n, err := s.Archive.SweepArchive(w.ctx, w.age, w.dry)
	w.line.Count = n
	return err
}

// quarantine deletes infected files as their owners would, so that record and content go together.
func (s *Service) quarantine(w *work) error {
	if w.dry {
		ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
		defer cancel()
		found, err := s.queries.CountOldQuarantine(ctx, s.Pool, w.age.Seconds())
		w.line.Count, w.line.Bytes = found.Count, found.Bytes
		return err
	}
	for {
		ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
		found, err := s.queries.OldQuarantine(ctx, s.Pool, db.OldQuarantineParams{AgeSeconds: w.age.Seconds(), Most: batch})
		cancel()
		if err != nil {
			return err
		}
		for _, file := range found {
			switch err := s.Files.Delete(w.ctx, file.Owner, file.ID); fault.CodeOf(err) {
			case "":
				if err := w.count(1, file.Size); err != nil {
					return err
				}
			case fault.NotFound: // the owner was faster
			default:
				return fmt.Errorf("delete %s: %w", file.ID, err)
			}
		}
		if len(found) < batch {
			return nil
		}
	}
}

// datasets deletes old exports as their owners would. What is being built is left to its job.
func (s *Service) datasets(w *work) error {
	if w.dry {
		ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
		defer cancel()
		found, err := s.queries.CountOldDatasets(ctx, s.Pool, w.age.Seconds())
		w.line.Count, w.line.Bytes = found.Count, found.Bytes
		return err
	}
	for {
		ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
		found, err := s.Datasets.Old(ctx, w.age.Seconds(), batch)
		cancel()
		if err != nil {
			return err
		}
		for _, dataset := range found {
			ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
			err := s.Datasets.DeleteOld(ctx, dataset.ID)
			cancel()
			switch fault.CodeOf(err) {
			case "":
				if err := w.count(1, dataset.Size); err != nil {
					return err
				}
			case fault.NotFound: // somebody was faster
			default:
				return err
			}
		}
		if len(found) < batch {
			return nil
		}
	}
}
