package files

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/clamav"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/thumbnail"
	"rohrpost/tasks"
)

// step is the progress of a job of this package.
type step struct {
	Step string `json:"step"`
}

// ScanResult is the result of a scan.
type ScanResult struct {
	FileID          uuid.UUID  `json:"file_id"`
	Status          string     `json:"status"`
	Verdict         string     `json:"verdict"`
	Signature       *string    `json:"signature,omitempty"`
	Reason          *string    `json:"reason,omitempty"`
	ThumbnailStatus string     `json:"thumbnail_status"`
	ThumbnailJobID  *uuid.UUID `json:"thumbnail_job_id,omitempty"`
}

// errGone is a file that was deleted while a job worked on it.
var errGone = errors.New("the file is gone")

// errMoved is a file that was opened, closed or moved while a job worked on what it was before.
var errMoved = errors.New("the file is not what it was")

// Scan runs a [tasks.Scan]: it has the file looked at and puts the verdict on record together with the job's end. As
// long as the scanner can't be asked, the file stays in processing and the queue tries again.
func (s *Service) Scan(ctx context.Context, job *queue.Job[tasks.ScanArgs]) (any, error) {
	file, err := s.byID(ctx, job.Args.FileID)
	if err != nil {
		return nil, err
	}
	if file.Status != Processing {
		return nil, fault.New(fault.Conflict, "The file is %s already.", file.Status)
	}
	if err := job.Progress(ctx, step{"scanning"}); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	with := s.version(ctx)
	verdict, err := s.look(ctx, file)
	if err != nil {
		return nil, err
	}
	ruled, placed := rule(file, verdict), file
	if ruled.Status == Quarantined {
		if placed, err = s.move(ctx, file, quarantine); err != nil {
			return nil, err
		}
	}
	placed.CheckedWith = with
	err = s.settle(ctx, job.Run, file, placed, ruled)
	if errors.Is(err, errGone) || errors.Is(err, queue.ErrLost) {
		return nil, s.lost(ctx, file, err)
	}
	if err == nil && ruled.Status == Quarantined {
		s.purgeNow(ctx, file.ID, moved(file, placed))
	}
	return nil, err
}

// version is what the scanner looks with, or nil where it doesn't tell. It is asked before the scan: should it get newer
// signatures in between, the file is rescanned once too often and not once too seldom.
func (s *Service) version(ctx context.Context) *string {
	version, err := s.scanner.Version(ctx)
	if err != nil {
		s.log.Debug("a scan without a version", "err", err)
		return nil
	}
	return &version
}

// look has the scanner look at the content of the file.
func (s *Service) look(ctx context.Context, file db.File) (clamav.Verdict, error) {
	body, err := s.bucket.NewReader(ctx, file.BlobKey, 0, -1)
	if err != nil {
		return clamav.Verdict{}, fmt.Errorf("scan %s: %w", file.ID, err)
	}
	defer body.Close() //nolint:errcheck // only read
	began := time.Now()
	verdict, err := s.scanner.Scan(ctx, body, file.Size)
	s.metrics.scanned(ctx, began, verdict.Name, err)
	if err != nil {
		return clamav.Verdict{}, fmt.Errorf("scan %s: %w", file.ID, err)
	}
	return verdict, nil
}

// rule says what a verdict means for a file.
func rule(file db.File, verdict clamav.Verdict) ScanResult {
	ruled := ScanResult{FileID: file.ID, Status: Refused, Verdict: verdict.Name, ThumbnailStatus: ThumbnailsNone}
	because := func(reason string) { ruled.Reason = &reason }
	switch verdict.Name {
	case clamav.Clean:
		ruled.Status, ruled.ThumbnailStatus = Clean, thumbnailsOf(file)
	case clamav.Infected:
		ruled.Status, ruled.Signature = Quarantined, &verdict.Signature
		because("The virus scanner found something in it.")
	case clamav.Encrypted:
		because("It is encrypted, so the virus scanner can't look inside.")
	default:
		because("It is too large or too deeply packed for the virus scanner to look inside.")
	}
	return ruled
}

// settle puts what was ruled on record, and where the content was placed, together with the job's end and the jobs that
// follow from it. It returns errGone where the file was deleted meanwhile, [queue.ErrLost] where the job is not ours any
// more.
func (s *Service) settle(ctx context.Context, run *queue.Run, file, placed db.File, ruled ScanResult) error {
	return db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		n, err := s.queries.SetFileVerdict(ctx, tx, db.SetFileVerdictParams{
			ID: file.ID, Status: ruled.Status, Verdict: &ruled.Verdict, Signature: ruled.Signature, Reason: ruled.Reason,
			BlobKey: placed.BlobKey, Moves: placed.Moves, ThumbnailStatus: ruled.ThumbnailStatus,
			CheckedWith: placed.CheckedWith,
		})
		if err != nil {
			return fmt.Errorf("verdict on %s: %w", file.ID, err)
		}
		if n == 0 {
			return s.unruled(ctx, tx, file.ID)
		}
		if err := s.note(ctx, tx, scanned(eventScan, ruled, placed.CheckedWith)); err != nil {
			return err
		}
		if ruled.Status == Quarantined {
			if err := s.alarm(ctx, tx, file, ruled.Signature); err != nil {
				return err
			}
			if err := enqueuePurge(ctx, tx, file.ID, moved(file, placed)); err != nil {
				return err
			}
		}
		if ruled.ThumbnailJobID, err = s.askThumbnails(ctx, tx, file, ruled.ThumbnailStatus); err != nil {
			return err
		}
		return queue.Complete(ctx, tx, run, ruled)
	})
}

// unruled says why a verdict found no file to be the verdict on.
func (s *Service) unruled(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	file, err := s.queries.FileByID(ctx, tx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return errGone
	}
	if err != nil {
		return fmt.Errorf("verdict on %s: %w", id, err)
	}
	return fault.New(fault.Conflict, "The file is %s already.", file.Status)
}

// alarm tells the admins, live and by mail, that the scanner found something in a file.
func (s *Service) alarm(ctx context.Context, tx pgx.Tx, file db.File, signature *string) error {
	_, err := queue.Enqueue(ctx, tx, tasks.NoticeAdmins, tasks.NoticeAdminsArgs{
		Notice: tasks.FileQuarantined, FileID: file.ID,
	})
	if err != nil {
		return fmt.Errorf("notice about %s: %w", file.ID, err)
	}
	if s.admins == nil {
		return nil
	}
	file.Signature = signature
	if err := s.admins.Quarantined(ctx, tx, file); err != nil {
		return fmt.Errorf("mail about %s: %w", file.ID, err)
	}
	return nil
}

// askThumbnails enqueues the job of the thumbnails, if there are to be any, and returns it.
func (s *Service) askThumbnails(ctx context.Context, tx pgx.Tx, file db.File, status string) (*uuid.UUID, error) {
	if status != ThumbnailsPending {
		return nil, nil
	}
	job, err := queue.Enqueue(ctx, tx, tasks.Thumbnail, tasks.ThumbnailArgs{FileID: file.ID},
		queue.By(file.Owner), queue.Unique(file.ID.String()))
	if err != nil {
		return nil, fmt.Errorf("thumbnails of %s: %w", file.ID, err)
	}
	return &job.ID, nil
}

// thumbnailsOf is what becomes of the thumbnails of a file that is clean from now on.
func thumbnailsOf(file db.File) string {
	if thumbnail.Supports(file.MediaType) {
		return ThumbnailsPending
	}
	return ThumbnailsNone
}

// lost ends a run whose outcome was not wanted any more. If that is because the file was deleted, what the run wrote
// after that goes, too; else another run is at work and overwrites it.
func (s *Service) lost(ctx context.Context, file db.File, why error) error {
	check, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	_, err := s.queries.FileByID(check, s.pool, file.ID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return s.deleted(check, file)
	case err != nil:
		return fmt.Errorf("file %s: %w", file.ID, err)
	}
	return why
}
