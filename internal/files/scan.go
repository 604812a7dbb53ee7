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

// Scan runs a [tasks.Scan]: it has the file looked at and puts the verdict on record together with the job's end. As
// long as the scanner can't be asked, the file stays in processing and the queue tries again.
func (s *Service) Scan(ctx context.Context, job *queue.Job[tasks.ScanArgs]) (any, error) {
	file, err := s.byID(ctx, job.Args.FileID)
	if err != nil {
		return nil, err
	}
	if err := job.Progress(ctx, step{"scanning"}); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	verdict, err := s.look(ctx, file)
	if err != nil {
		return nil, err
	}
	ruled := rule(file, verdict)
	if ruled.Status == Quarantined {
		if err := s.quarantine(ctx, file); err != nil {
			return nil, err
		}
	}
	err = s.settle(ctx, job.Run, file, ruled)
	if errors.Is(err, errGone) || errors.Is(err, queue.ErrLost) {
		return nil, s.lost(ctx, file.ID, err)
	}
	if err == nil && ruled.Status == Quarantined {
		s.purgeNow(ctx, file.ID)
	}
	return nil, err
}

// look has the scanner look at the content of the file.
func (s *Service) look(ctx context.Context, file db.File) (clamav.Verdict, error) {
	body, err := s.bucket.NewReader(ctx, file.BlobKey, 0, -1)
	if err != nil {
		return clamav.Verdict{}, fmt.Errorf("scan %s: %w", file.ID, err)
	}
	defer body.Close() //nolint:errcheck // only read
	verdict, err := s.scanner.Scan(ctx, body, file.Size)
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
		ruled.Status = Clean
		if thumbnail.Supports(file.MediaType) {
			ruled.ThumbnailStatus = ThumbnailsPending
		}
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

// settle puts what was ruled on record, together with the job's end and the jobs that follow from it. It returns errGone
// where the file was deleted meanwhile, [queue.ErrLost] where the job is not ours any more.
func (s *Service) settle(ctx context.Context, run *queue.Run, file db.File, ruled ScanResult) error {
	return db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		key := file.BlobKey
		if ruled.Status == Quarantined {
			key = quarantineKey(file.ID)
		}
		n, err := s.queries.SetFileVerdict(ctx, tx, db.SetFileVerdictParams{
			ID: file.ID, Status: ruled.Status, Verdict: &ruled.Verdict, Signature: ruled.Signature, Reason: ruled.Reason,
			BlobKey: key, ThumbnailStatus: ruled.ThumbnailStatus,
		})
		if err != nil {
			return fmt.Errorf("verdict on %s: %w", file.ID, err)
		}
		if n == 0 {
			return s.unruled(ctx, tx, file.ID)
		}
		if ruled.ThumbnailJobID, err = s.follow(ctx, tx, file, ruled); err != nil {
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

// follow enqueues what a verdict makes necessary and returns the job of the thumbnails, if there are to be any.
func (s *Service) follow(ctx context.Context, tx pgx.Tx, file db.File, ruled ScanResult) (*uuid.UUID, error) {
	if ruled.Status == Quarantined {
		_, err := queue.Enqueue(ctx, tx, tasks.NoticeAdmins, tasks.NoticeAdminsArgs{
			Notice: tasks.FileQuarantined, FileID: file.ID,
		})
		if err != nil {
			return nil, fmt.Errorf("notice about %s: %w", file.ID, err)
		}
		if s.admins != nil {
			file.Signature = ruled.Signature
			if err := s.admins.Quarantined(ctx, tx, file); err != nil {
				return nil, fmt.Errorf("mail about %s: %w", file.ID, err)
			}
		}
		return nil, enqueuePurge(ctx, tx, file.ID)
	}
	if ruled.ThumbnailStatus != ThumbnailsPending {
		return nil, nil
	}
	job, err := queue.Enqueue(ctx, tx, tasks.Thumbnail, tasks.ThumbnailArgs{FileID: file.ID},
		queue.By(file.Owner), queue.Unique(file.ID.String()))
	if err != nil {
		return nil, fmt.Errorf("thumbnails of %s: %w", file.ID, err)
	}
	return &job.ID, nil
}

// quarantine copies the content to where nothing is ever opened. The record still names the first place, so stopping
// here leaves no more than a copy that the next attempt writes over.
func (s *Service) quarantine(ctx context.Context, file db.File) error {
	body, err := s.bucket.NewReader(ctx, file.BlobKey, 0, -1)
	if err != nil {
		return fmt.Errorf("quarantine %s: %w", file.ID, err)
	}
	defer body.Close() //nolint:errcheck // only read
	if err := s.bucket.Put(ctx, quarantineKey(file.ID), "application/octet-stream", body); err != nil {
		return fmt.Errorf("quarantine %s: %w", file.ID, err)
	}
	return nil
}

// lost ends a run whose outcome was not wanted any more. If that is because the file was deleted, what the run wrote
// after that goes, too; else another run is at work and overwrites it.
func (s *Service) lost(ctx context.Context, id uuid.UUID, why error) error {
	check, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if _, err := s.byID(check, id); err != nil {
		return err
	}
	return why
}

// purgeDelay lets a handler that was stopped at the same moment come to its end first.
const purgeDelay = time.Minute

func enqueuePurge(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	at := time.Now().Add(purgeDelay)
	if _, err := queue.Enqueue(ctx, tx, tasks.Purge, tasks.PurgeArgs{FileID: id}, queue.At(at)); err != nil {
		return fmt.Errorf("purge of %s: %w", id, err)
	}
	return nil
}
