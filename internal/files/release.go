package files

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

// ReleaseResult is the result of a release.
type ReleaseResult struct {
	FileID          uuid.UUID  `json:"file_id"`
	Status          string     `json:"status"`
	ThumbnailStatus string     `json:"thumbnail_status"`
	ThumbnailJobID  *uuid.UUID `json:"thumbnail_job_id,omitempty"`
}

// AskRelease enqueues, in tx, the job that opens a quarantined or refused file against its verdict; by follows it. One
// that is under way is returned again. Errors: invalid without a reason, not_found, conflict where the file is not
// closed by a verdict.
func (s *Service) AskRelease(ctx context.Context, tx pgx.Tx, by audit.Actor, id uuid.UUID, reason string) (
	queue.Record, error) {
	reason, err := checkReason(reason)
	if err != nil {
		return queue.Record{}, err
	}
	if reason == "" {
		return queue.Record{}, fault.New(fault.Invalid, "Say in the field reason why the file is to be released.")
	}
	row, err := s.queries.QuarantinedFile(ctx, tx, id)
	if err != nil {
		return queue.Record{}, notInQuarantine(err, id)
	}
	if err := releasable(row.File); err != nil {
		return queue.Record{}, err
	}
	args := tasks.ReleaseArgs{FileID: id, ByName: by.Name, Reason: reason}
	if by.User != uuid.Nil {
		args.By = &by.User
	}
	job, err := queue.Enqueue(ctx, tx, tasks.Release, args, queue.By(by.User), queue.Unique(id.String()))
	if err != nil || job.Existing {
		return job, err
	}
	return job, audit.Record(ctx, tx, by, audit.Entry{
		Action: "quarantine.release", Target: id.String(), Reason: reason, Detail: told(row.File),
	})
}

func releasable(file db.File) error {
	switch file.Status {
	case Quarantined, Refused:
		return nil
	case Failed:
		return fault.New(fault.Conflict, "The scanner has not seen this file; have it scanned again instead.")
	}
	return fault.New(fault.Conflict, "The file is %s, so there is nothing to release.", file.Status)
}

// told is what an audit entry tells about a file, which may be gone when somebody reads it.
func told(file db.File) any {
	return struct {
		Name      string    `json:"name"`
		Owner     uuid.UUID `json:"owner"`
		SHA256    string    `json:"sha256"`
		Status    string    `json:"status"`
		Signature *string   `json:"signature,omitempty"`
	}{file.Name, file.Owner, fmt.Sprintf("%x", file.SHA256), file.Status, file.Signature}
}

// Release runs a [tasks.Release].
func (s *Service) Release(ctx context.Context, job *queue.Job[tasks.ReleaseArgs]) (any, error) {
	file, err := s.byID(ctx, job.Args.FileID)
	if err != nil {
		return nil, err
	}
	if err := releasable(file); err != nil {
		return nil, err
	}
	if err := job.Progress(ctx, step{"moving"}); err != nil {
		return nil, fmt.Errorf("release: %w", err)
	}
	placed, err := s.move(ctx, file, uploads)
	if err != nil {
		return nil, err
	}
	err = s.open(ctx, job, file, placed)
	if errors.Is(err, errGone) || errors.Is(err, queue.ErrLost) {
		return nil, s.lost(ctx, file, err)
	}
	if errors.Is(err, errMoved) {
		return nil, queue.Snooze(0)
	}
	if err == nil {
		s.purgeNow(ctx, file.ID, moved(file, placed))
	}
	return nil, err
}

// open puts a release on record, together with the job's end and the jobs that follow from it.
func (s *Service) open(ctx context.Context, job *queue.Job[tasks.ReleaseArgs], file, placed db.File) error {
	return db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.lockAs(ctx, tx, file); err != nil {
			return err
		}
		result := ReleaseResult{FileID: file.ID, Status: Clean, ThumbnailStatus: thumbnailsOf(file)}
		err := s.queries.ReleaseFile(ctx, tx, db.ReleaseFileParams{
			ID: file.ID, BlobKey: placed.BlobKey, Moves: placed.Moves, ThumbnailStatus: result.ThumbnailStatus,
			ReleasedBy: job.Args.By, ReleaseReason: &job.Args.Reason,
		})
		if err != nil {
			return fmt.Errorf("release %s: %w", file.ID, err)
		}
		event := db.InsertFileEventParams{
			FileID: file.ID, Event: eventRelease, Status: Clean, Verdict: file.Verdict, Signature: file.Signature,
			CheckedWith: file.CheckedWith, Actor: job.Args.By, Reason: &job.Args.Reason,
		}
		if job.Args.ByName != "" {
			event.ActorName = &job.Args.ByName
		}
		if err := s.note(ctx, tx, event); err != nil {
			return err
		}
		if result.ThumbnailJobID, err = s.opened(ctx, tx, file, placed, tasks.FileReleased); err != nil {
			return err
		}
		return queue.Complete(ctx, tx, job.Run, result)
	})
}

// opened enqueues what follows when a file that was closed is clean from now on, and returns the job of its thumbnails.
func (s *Service) opened(ctx context.Context, tx pgx.Tx, file, placed db.File, notice string) (*uuid.UUID, error) {
	if keys := moved(file, placed); len(keys) > 0 {
		if err := enqueuePurge(ctx, tx, file.ID, keys); err != nil {
			return nil, err
		}
	}
	if err := tellOwner(ctx, tx, file, notice); err != nil {
		return nil, err
	}
	return s.askThumbnails(ctx, tx, file, thumbnailsOf(file))
}

// lockAs locks the record of a file as it was read before: errGone where it was deleted, errMoved where it was changed.
func (s *Service) lockAs(ctx context.Context, tx pgx.Tx, file db.File) error {
	now, err := s.queries.LockFile(ctx, tx, file.ID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return errGone
	case err != nil:
		return fmt.Errorf("file %s: %w", file.ID, err)
	case now.Status != file.Status || now.Moves != file.Moves || (now.ReleasedAt == nil) != (file.ReleasedAt == nil):
		return errMoved
	}
	return nil
}
