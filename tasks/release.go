package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// ReleaseArgs names the file to open against its verdict, and who says so and why.
type ReleaseArgs struct {
	FileID uuid.UUID  `json:"file_id"`
	By     *uuid.UUID `json:"by,omitempty"`      // the admin's account
	ByName string     `json:"by_name,omitempty"` // of who has none: the command line
	Reason string     `json:"reason"`
}

// Release opens a file that the scanner had closed: its content moves back from quarantine, and the owner is told.
//
// request: POST /api/admin/quarantine/{file_id}/release enqueues one, unique for the file.
var Release = queue.Kind[ReleaseArgs]{
	Name:  "file:release",
	Queue: Files,
	// What fails is the storage: with the engine's back-off this bridges some two hours in which it is full or away.
	MaxAttempts: 60,
	// For the copy of a large file in a storage that is far away.
	Timeout: 10 * time.Minute,
}
