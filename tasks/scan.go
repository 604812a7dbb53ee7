package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// ScanArgs names the file to scan.
type ScanArgs struct {
	FileID uuid.UUID `json:"file_id"`
}

// Scan has a file looked at by the virus scanner; the file stays closed until the verdict is clean.
//
// request: every upload (POST /api/files) enqueues one in the transaction that records the file.
var Scan = queue.Kind[ScanArgs]{
	Name:  "file:scan",
	Queue: Files,
	// With the engine's back-off this bridges about a quarter of an hour without a scanner.
	MaxAttempts: 12,
	Timeout:     10 * time.Minute,
}
