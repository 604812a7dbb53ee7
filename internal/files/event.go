package files

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"rohrpost/db"
)

// What becomes of a file, on record.
const (
	eventScan    = "scan"
	eventRescan  = "rescan"
	eventRelease = "release"
)

// note puts an event on record.
func (s *Service) note(ctx context.Context, tx db.DBTX, e db.InsertFileEventParams) (err error) {
	if e.ID, err = uuid.NewV7(); err != nil {
		return fmt.Errorf("event of %s: %w", e.FileID, err)
	}
	if err := s.queries.InsertFileEvent(ctx, tx, e); err != nil {
		return fmt.Errorf("event of %s: %w", e.FileID, err)
	}
	return nil
}

// scanned is the event of a verdict.
func scanned(event string, ruled ScanResult, with *string) db.InsertFileEventParams {
	return db.InsertFileEventParams{
		FileID: ruled.FileID, Event: event, Status: ruled.Status, Verdict: &ruled.Verdict, Signature: ruled.Signature,
		CheckedWith: with, Reason: ruled.Reason,
	}
}
