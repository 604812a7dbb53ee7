package api

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const maxSignature = 200 // bytes of what a scanner calls its findings

// ListQuarantine returns a page of files that the scanner closed.
func (s *Server) ListQuarantine(c *fiber.Ctx, params ListQuarantineParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	filter := files.QuarantineFilter{Status: text(params.Status), Owner: params.Owner, Before: before, Limit: int32(size) + 1}
	if filter.Signature, err = word("signature", params.Signature, maxSignature); err != nil {
		return err
	}
	found, err := s.files.Quarantine(c.UserContext(), filter)
	if err != nil {
		return fmt.Errorf("list the quarantine: %w", err)
	}
	found, next := cut(found, size, func(f files.Uploaded) uuid.UUID { return f.ID })
	page := QuarantinePage{Items: make([]QuarantinedFile, len(found)), Next: next}
	for i, file := range found {
		page.Items[i] = shownQuarantined(file)
	}
	return c.JSON(page)
}

// InspectQuarantined returns a file that is or was closed, and never its content.
func (s *Server) InspectQuarantined(c *fiber.Ctx, id FileID) error {
	file, err := s.files.Inspect(c.UserContext(), id)
	if err != nil {
		return fmt.Errorf("inspect: %w", err)
	}
	return c.JSON(shownInspected(file))
}

// DeleteQuarantined deletes a file that is closed.
func (s *Server) DeleteQuarantined(c *fiber.Ctx, id FileID, params DeleteQuarantinedParams) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	if err := s.files.Remove(ctx, audit.User(edge.Who(c).UserID), id, text(params.Reason)); err != nil {
		return fmt.Errorf("delete from quarantine: %w", err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// ReleaseQuarantined has a file opened against its verdict.
func (s *Server) ReleaseQuarantined(c *fiber.Ctx, id FileID, params ReleaseQuarantinedParams) error {
	var body Release
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	return s.enqueue(c, order{"POST /api/admin/quarantine/{file_id}/release", params.IdempotencyKey, body},
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (queue.Record, error) {
			return s.files.AskRelease(ctx, tx, by, id, body.Reason)
		})
}

// RescanQuarantined has one file scanned again.
func (s *Server) RescanQuarantined(c *fiber.Ctx, id FileID, params RescanQuarantinedParams) error {
	return s.enqueue(c, order{"POST /api/admin/quarantine/{file_id}/rescan", params.IdempotencyKey, nil},
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (queue.Record, error) {
			return s.files.AskRescan(ctx, tx, by, tasks.RescanArgs{FileID: &id})
		})
}

// Rescan has all files scanned again that need it. Whether it may change any has to be said.
func (s *Server) Rescan(c *fiber.Ctx, params RescanParams) error {
	var body Rescan
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if err := needs("dry_run", body.DryRun != nil); err != nil {
		return err
	}
	args := tasks.RescanArgs{DryRun: *body.DryRun, All: body.All != nil && *body.All}
	if body.Only != nil {
		args.Only = *body.Only
	}
	return s.enqueue(c, order{"POST /api/admin/quarantine/rescan", params.IdempotencyKey, body},
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (queue.Record, error) {
			return s.files.AskRescan(ctx, tx, by, args)
		})
}

func shownQuarantined(f files.Uploaded) QuarantinedFile {
	return QuarantinedFile{
		ID: f.ID, Owner: FileOwner{ID: f.Owner, Email: f.OwnerEmail, Name: f.OwnerName}, Name: f.Name, Size: f.Size,
		MediaType: f.MediaType, Sha256: hex.EncodeToString(f.SHA256), Status: f.Status, Verdict: f.Verdict,
		Signature: f.Signature, Reason: f.Reason, JobID: f.JobID, CreatedAt: f.CreatedAt.UTC(),
		ScannedAt: inUTC(f.ScannedAt), CheckedAt: inUTC(f.CheckedAt), CheckedWith: f.CheckedWith,
		ReleasedAt: inUTC(f.ReleasedAt), ReleasedBy: f.ReleasedBy, ReleaseReason: f.ReleaseReason,
	}
}

func shownInspected(file files.Inspected) QuarantinedFile {
	out := shownQuarantined(file.Uploaded)
	history := make([]FileEvent, len(file.History))
	for i, e := range file.History {
		history[i] = shownEvent(e)
	}
	out.History = &history
	return out
}

func shownEvent(e db.FileEvent) FileEvent {
	return FileEvent{
		At: e.At.UTC(), Event: e.Event, Status: e.Status, Verdict: e.Verdict, Signature: e.Signature,
		CheckedWith: e.CheckedWith, By: e.ActorName, Reason: e.Reason,
	}
}
