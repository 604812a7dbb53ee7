package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/backup"
	"rohrpost/internal/fault"
)

const (
	startBackupRoute  = "POST /api/admin/backups"
	verifyBackupRoute = "POST /api/admin/backups/{id}/verify"
)

// ListBackups returns a page of the backups.
func (s *Server) ListBackups(c *fiber.Ctx, params ListBackupsParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	filter := backup.Filter{Before: before, Limit: int32(size) + 1}
	if params.State != nil {
		if !params.State.Valid() {
			return fault.New(fault.Invalid, "The parameter state is none of a backup's states.")
		}
		state := string(*params.State)
		filter.State = &state
	}
	list, err := s.backups.List(c.UserContext(), filter)
	if err != nil {
		return err
	}
	list, next := cut(list, size, func(b db.Backup) uuid.UUID { return b.ID })
	page := BackupPage{Items: make([]Backup, len(list)), Next: next}
	for i, b := range list {
		if page.Items[i], err = shownBackup(b); err != nil {
			return err
		}
	}
	return c.JSON(page)
}

// GetBackup returns a backup.
func (s *Server) GetBackup(c *fiber.Ctx, id ID) error {
	b, err := s.backups.Get(c.UserContext(), id)
	if err != nil {
		return err
	}
	shown, err := shownBackup(b)
	if err != nil {
		return err
	}
	return c.JSON(shown)
}

// StartBackup starts a backup, for the admin.
func (s *Server) StartBackup(c *fiber.Ctx, params StartBackupParams) error {
	return s.startOnce(c, params.IdempotencyKey, startBackupRoute, nil,
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (any, uuid.UUID, error) {
			made, job, err := s.backups.Start(ctx, tx, by)
			return BackupAccepted{ID: made.ID, JobID: job.ID, EventsURL: eventsURL(job.ID)}, job.ID, err
		})
}

// VerifyBackup starts a job that looks at a backup, for the admin.
func (s *Server) VerifyBackup(c *fiber.Ctx, id ID, params VerifyBackupParams) error {
	return s.startOnce(c, params.IdempotencyKey, verifyBackupRoute, id[:],
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (any, uuid.UUID, error) {
			job, err := s.backups.StartVerify(ctx, tx, id, by)
			return JobAccepted{JobID: job.ID, EventsURL: eventsURL(job.ID)}, job.ID, err
		})
}

// startOnce answers with what start says of a job of the admin's, once for each idempotency key. content is what the
// request asks for beside its route.
func (s *Server) startOnce(c *fiber.Ctx, header *IdempotencyKey, route string, content []byte,
	start func(ctx context.Context, tx pgx.Tx, by audit.Actor) (answer any, job uuid.UUID, err error)) error {
	key, err := idempotencyKey(header)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	user := edge.Who(c).UserID
	if content == nil {
		content = []byte{} // the column takes no NULL
	}
	out, err := s.do(ctx, once{user, route, key, content}, fiber.StatusAccepted, func(tx pgx.Tx) (any, string, error) {
		answer, job, err := start(ctx, tx, audit.User(user))
		return answer, jobURL(job), err
	})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return out.send(c)
}

// DeleteBackup deletes a backup.
func (s *Server) DeleteBackup(c *fiber.Ctx, id ID) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	user := edge.Who(c).UserID
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error { return s.backups.Delete(ctx, tx, id, audit.User(user)) })
	if err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func shownBackup(b db.Backup) (Backup, error) {
	out := Backup{
		ID: b.ID, JobID: b.JobID, State: BackupState(b.State), Reason: b.Reason, CreatedAt: b.CreatedAt.UTC(),
		TakenAt: inUTC(b.TakenAt), FinishedAt: inUTC(b.FinishedAt), RestoreSeconds: b.RestoreSeconds,
		VerifiedAt: inUTC(b.VerifiedAt), VerifiedBy: b.VerifiedBy,
	}
	if b.Summary == nil {
		return out, nil
	}
	var sum backup.Summary
	if err := json.Unmarshal(b.Summary, &sum); err != nil {
		return out, fmt.Errorf("summary of backup %s: %w", b.ID, err)
	}
	out.Summary = &BackupSummary{
		Tables: sum.Tables, Rows: sum.Rows, Blobs: sum.Blobs, BlobBytes: sum.BlobBytes, NewBlobs: sum.NewBlobs,
		NewBlobBytes: sum.NewBlobBytes, MissingBlobs: sum.MissingBlobs, DatabaseBytes: sum.Database.Size,
		Recipients: sum.Recipients, Schema: sum.Schema, Server: sum.Server,
	}
	return out, nil
}
