package mail

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Quarantined tells the admins of a file that the scanner found something in, in the transaction that records it.
func (s *Service) Quarantined(ctx context.Context, tx pgx.Tx, file db.File) error {
	return s.notify(ctx, tx, Mail{Template: FileQuarantined, Data: FileNotice{
		FileID: file.ID, Name: file.Name, Signature: db.Text(file.Signature),
	}})
}

// BackupDied tells the admins of a backup that failed, in the transaction that records it.
func (s *Service) BackupDied(ctx context.Context, tx pgx.Tx, job uuid.UUID, message string) error {
	return s.notify(ctx, tx, Mail{Template: BackupFailed, Data: BackupNotice{JobID: job, Message: message}})
}

// FollowJobs tells the admins of jobs of these kinds that fail for good, once an hour for a kind and a cause. Failures
// that are the request's fault are not worth a mail, one about a mail that can't be sent would not get anywhere, and of
// backups tells [Service.BackupDied]. Every process that may end a job needs it, before its engine is started.
func (s *Service) FollowJobs(engine *queue.Engine, kinds ...string) {
	for _, kind := range kinds {
		switch kind {
		case tasks.SendMail.Name, tasks.BackupRun.Name, tasks.BackupVerify.Name:
		default:
			engine.OnState(kind, s.died)
		}
	}
}

func (s *Service) died(ctx context.Context, tx pgx.Tx, job db.Job) error {
	code := db.Text(job.ErrorCode)
	if job.State != queue.Failed || fault.ClassOf(fault.Code(code)).Status < http.StatusInternalServerError {
		return nil
	}
	return s.notify(ctx, tx, Mail{Template: JobDead, About: job.Kind + " " + code, Data: JobNotice{
		JobID: job.ID, Kind: job.Kind, Code: code, Message: db.Text(job.ErrorMessage),
	}})
}

// notify writes a mail to each admin. Where there is no mail server, nobody is told: the notices would only pile up.
func (s *Service) notify(ctx context.Context, tx pgx.Tx, m Mail) error {
	if !s.Configured() {
		return nil
	}
	admins, err := s.queries.Admins(ctx, tx)
	if err != nil {
		return fmt.Errorf("notice %s: %w", m.Template, err)
	}
	for _, admin := range admins {
		m.To, m.User = admin.Email, admin.ID
		_, err := s.Send(ctx, tx, m)
		switch {
		case err == nil, errors.Is(err, ErrTooSoon):
		case fault.CodeOf(err) == fault.Invalid:
			s.log.Warn("notice not written", "template", m.Template, "user", admin.ID, "err", err)
		default:
			return fmt.Errorf("notice %s: %w", m.Template, err)
		}
	}
	return nil
}
