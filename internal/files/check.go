package files

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/clamav"
	"rohrpost/tasks"
)

// check has the scanner look again at a file that was looked at before, and puts what follows on record. A clean file
// stays open meanwhile, and is closed in the transaction that records what was found in it. Errors: errGone where it was
// deleted, errMoved where somebody else changed what it is meanwhile.
func (s *Service) check(ctx context.Context, file db.File) (ScanResult, error) {
	with := s.version(ctx)
	verdict, err := s.look(ctx, file)
	if err != nil {
		return ScanResult{}, s.missing(ctx, file, err)
	}
	ruled := reconsider(file, verdict)
	if ruled.same(file) && in(placeOf(ruled), file) {
		err := s.queries.ConfirmVerdict(ctx, s.pool, db.ConfirmVerdictParams{
			ID: file.ID, Status: file.Status, CheckedWith: with,
		})
		if err != nil {
			return ScanResult{}, fmt.Errorf("check %s: %w", file.ID, err)
		}
		return ruled, nil
	}
	placed, err := s.move(ctx, file, placeOf(ruled))
	if err != nil && file.Status == Clean {
		// A full disk must not keep it open. It is closed where it lies, and moved when it is looked at the next time.
		s.log.Error("infected file is closed and not moved", "file", file.ID, "err", err)
		placed.Moves, err = file.Moves+1, nil
	}
	if err != nil {
		return ScanResult{}, s.missing(ctx, file, err)
	}
	placed.CheckedWith = with
	keys, err := s.change(ctx, file, placed, &ruled)
	if errors.Is(err, errGone) {
		return ScanResult{}, s.missing(ctx, file, err)
	}
	if err != nil {
		return ScanResult{}, err
	}
	s.purgeNow(ctx, file.ID, keys)
	return ruled, nil
}

// missing is errGone where the file was deleted, after what a check may have written of it was removed, else err.
func (s *Service) missing(ctx context.Context, file db.File, err error) error {
	check, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if _, gone := s.queries.FileByID(check, s.pool, file.ID); !errors.Is(gone, pgx.ErrNoRows) {
		return err
	}
	if err := s.bucket.Delete(check, allKeys(file)...); err != nil {
		s.log.Warn("content of a deleted file not removed, the sweep will", "file", file.ID, "err", err)
	}
	return errGone
}

// reconsider says what a verdict means for a file that was ruled on before.
func reconsider(file db.File, verdict clamav.Verdict) ScanResult {
	ruled := rule(file, verdict)
	infected := verdict.Name == clamav.Infected
	switch {
	case file.ReleasedAt != nil && infected && (file.Signature == nil || *file.Signature != verdict.Signature):
		return ruled // somebody released it from another finding, and not from this one
	case file.ReleasedAt != nil,
		file.Status == Clean && !infected, // what can't be looked into is no finding
		file.Status == Quarantined && (verdict.Name == clamav.Encrypted || verdict.Name == clamav.LimitsExceeded):
		return standing(file)
	}
	if ruled.Status == file.Status && ruled.Status == Clean {
		return standing(file)
	}
	return ruled
}

// standing is what is on record of a file.
func standing(file db.File) ScanResult {
	r := ScanResult{
		FileID: file.ID, Status: file.Status, Signature: file.Signature, Reason: file.Reason,
		ThumbnailStatus: file.ThumbnailStatus,
	}
	if file.Verdict != nil {
		r.Verdict = *file.Verdict
	}
	return r
}

// same reports whether the record of a file says so already.
func (r ScanResult) same(file db.File) bool {
	was := standing(file)
	return r.Status == was.Status && r.Verdict == was.Verdict &&
		(r.Signature == nil) == (was.Signature == nil) && (r.Signature == nil || *r.Signature == *was.Signature)
}

// placeOf is where a file belongs.
func placeOf(ruled ScanResult) string {
	if ruled.Status == Quarantined {
		return quarantine
	}
	return uploads
}

// change puts another verdict on record, with where the content lies now, and what follows from it. It returns the keys
// that the record doesn't name any more.
func (s *Service) change(ctx context.Context, file, placed db.File, ruled *ScanResult) ([]string, error) {
	var keys []string
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		keys = nil
		if err := s.lockAs(ctx, tx, file); err != nil {
			return err
		}
		err := s.queries.ChangeVerdict(ctx, tx, db.ChangeVerdictParams{
			ID: file.ID, Status: ruled.Status, Verdict: &ruled.Verdict, Signature: ruled.Signature, Reason: ruled.Reason,
			BlobKey: placed.BlobKey, Moves: placed.Moves, ThumbnailStatus: ruled.ThumbnailStatus, CheckedWith: placed.CheckedWith,
		})
		if err != nil {
			return fmt.Errorf("verdict on %s: %w", file.ID, err)
		}
		if !ruled.same(file) {
			if err := s.note(ctx, tx, scanned(eventRescan, *ruled, placed.CheckedWith)); err != nil {
				return err
			}
		}
		if ruled.Status == Clean {
			keys = moved(file, placed)
			ruled.ThumbnailJobID, err = s.opened(ctx, tx, file, placed, tasks.FileCleared)
			return err
		}
		keys, err = s.closed(ctx, tx, file, placed, *ruled)
		return err
	})
	return keys, err
}

// closed enqueues what follows when a file is closed, or closed for another reason, and returns the keys that nobody
// needs any more.
func (s *Service) closed(ctx context.Context, tx pgx.Tx, file, placed db.File, ruled ScanResult) ([]string, error) {
	keys := moved(file, placed)
	gone, err := s.queries.DeleteThumbnails(ctx, tx, file.ID)
	if err != nil {
		return nil, fmt.Errorf("thumbnails of %s: %w", file.ID, err)
	}
	if keys = append(keys, gone...); len(keys) > 0 {
		if err := enqueuePurge(ctx, tx, file.ID, keys); err != nil {
			return nil, err
		}
	}
	if ruled.Status != Quarantined || file.Status == Quarantined {
		return keys, nil
	}
	if err := s.alarm(ctx, tx, file, ruled.Signature); err != nil {
		return nil, err
	}
	return keys, tellOwner(ctx, tx, file, tasks.FileQuarantined)
}

// moved are the keys that are of no use any more once a file was moved, or closed where it is.
func moved(file, placed db.File) []string {
	if placed.Moves == file.Moves {
		return nil
	}
	keys := thumbnailKeys(file.ID, file.Moves)
	if placed.BlobKey != file.BlobKey {
		keys = append(keys, file.BlobKey)
	}
	return keys
}
