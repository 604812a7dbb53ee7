package backup

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Floor is how many of the newest backups are kept, whatever the settings and whoever wants to delete them.
const Floor = 3

// Start records a backup to be made, with its job. Errors: backup_not_configured.
func (s *Service) Start(ctx context.Context, tx pgx.Tx, by audit.Actor) (db.Backup, queue.Record, error) {
	if !s.Configured() {
		return db.Backup{}, queue.Record{}, notConfigured()
	}
	job, err := queue.Enqueue(ctx, tx, tasks.BackupRun, tasks.BackupRunArgs{}, queue.By(by.User))
	if err != nil {
		return db.Backup{}, queue.Record{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return db.Backup{}, queue.Record{}, fmt.Errorf("backup id: %w", err)
	}
	made, err := s.queries.InsertBackup(ctx, tx, db.InsertBackupParams{ID: id, JobID: &job.ID})
	if err != nil {
		return db.Backup{}, queue.Record{}, fmt.Errorf("record a backup: %w", err)
	}
	return made, job, audit.Record(ctx, tx, by, audit.Entry{Action: "backup.start", Target: id.String()})
}

// StartVerify starts a job that looks at a backup. Errors: backup_not_configured, not_found, conflict for one that never
// succeeded.
func (s *Service) StartVerify(ctx context.Context, tx pgx.Tx, id uuid.UUID, by audit.Actor) (queue.Record, error) {
	if !s.Configured() {
		return queue.Record{}, notConfigured()
	}
	b, err := s.byID(ctx, tx, id)
	if err != nil {
		return queue.Record{}, err
	}
	if b.State != Succeeded && b.State != BadNow {
		return queue.Record{}, fault.New(fault.Conflict, "Only a backup that has succeeded can be verified; this one is %s.", b.State)
	}
	job, err := queue.Enqueue(ctx, tx, tasks.BackupVerify, tasks.BackupVerifyArgs{BackupID: id}, queue.By(by.User))
	if err != nil {
		return queue.Record{}, err
	}
	return job, audit.Record(ctx, tx, by, audit.Entry{Action: "backup.verify", Target: id.String()})
}

// Delete deletes a backup: it can't be restored any more, and a job removes what only it needs. Errors:
// backup_not_configured, not_found, conflict for one that is being made and for the newest [Floor] that succeeded.
func (s *Service) Delete(ctx context.Context, tx pgx.Tx, id uuid.UUID, by audit.Actor) error {
	if !s.Configured() {
		return notConfigured()
	}
	kept, err := s.queries.LockKeptBackups(ctx, tx)
	if err != nil {
		return fmt.Errorf("delete a backup: %w", err)
	}
	b, err := s.byID(ctx, tx, id)
	if err != nil {
		return err
	}
	good := 0
	for _, k := range kept {
		if k.State != Succeeded {
			continue
		}
		if good++; k.ID == id && good <= Floor {
			return fault.New(fault.Conflict, "The newest %d backups that succeeded are never deleted, and this is one of them.", Floor)
		}
	}
	n, err := s.queries.SetBackupDeleted(ctx, tx, id)
	if err != nil {
		return fmt.Errorf("delete backup %s: %w", id, err)
	}
	if n == 0 {
		return fault.New(fault.Conflict, "This backup is %s; cancel its job instead.", b.State)
	}
	if _, err := queue.Enqueue(ctx, tx, tasks.BackupPrune, tasks.BackupPruneArgs{}); err != nil {
		return err
	}
	return audit.Record(ctx, tx, by, audit.Entry{Action: "backup.delete", Target: id.String()})
}

// Filter picks backups for [Service.List]. Zero values pick all that are not deleted, from the newest.
type Filter struct {
	State  *string
	Before uuid.UUID
	Limit  int32
}

// List returns backups, the newest first.
func (s *Service) List(ctx context.Context, f Filter) ([]db.Backup, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if f.Before == uuid.Nil {
		f.Before = uuid.Max
	}
	list, err := s.queries.BackupsBefore(ctx, s.Pool, db.BackupsBeforeParams{Before: f.Before, State: f.State, PageSize: f.Limit})
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	return list, nil
}

// Get returns a backup. Errors: not_found.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (db.Backup, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return s.byID(ctx, s.Pool, id)
}

func (s *Service) byID(ctx context.Context, tx db.DBTX, id uuid.UUID) (db.Backup, error) {
	b, err := s.queries.BackupByID(ctx, tx, id)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && b.State == Deleted {
		return b, fault.New(fault.NotFound, "There is no such backup.")
	}
	if err != nil {
		return b, fmt.Errorf("backup %s: %w", id, err)
	}
	return b, nil
}

// Follow has a backup's state follow its job where that ends without its handler, or begins again, and tells the admins
// of one that failed. Every process that may end a job needs it, before its engine is started.
func (s *Service) Follow(engine *queue.Engine) {
	engine.OnState(tasks.BackupRun.Name, s.followRun)
	engine.OnState(tasks.BackupVerify.Name, s.died)
}

func (s *Service) followRun(ctx context.Context, tx pgx.Tx, job db.Job) error {
	if job.State == queue.Queued {
		if err := s.queries.RequeueBackup(ctx, tx, job.ID); err != nil {
			return fmt.Errorf("backup of job %s: %w", job.ID, err)
		}
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("backup id: %w", err)
	}
	err = s.queries.FailBackup(ctx, tx, db.FailBackupParams{ID: id, JobID: &job.ID, Reason: job.ErrorMessage})
	if err != nil {
		return fmt.Errorf("backup of job %s: %w", job.ID, err)
	}
	return s.died(ctx, tx, job)
}

func (s *Service) died(ctx context.Context, tx pgx.Tx, job db.Job) error {
	if job.State != queue.Failed {
		return nil
	}
	_, err := queue.Enqueue(ctx, tx, tasks.NoticeAdmins, tasks.NoticeAdminsArgs{
		Notice: tasks.BackupFailed, FailedJob: job.ID, Message: db.Text(job.ErrorMessage),
	})
	if err != nil {
		return err
	}
	if s.Mail == nil {
		return nil
	}
	return s.Mail.BackupDied(ctx, tx, job.ID, db.Text(job.ErrorMessage))
}
