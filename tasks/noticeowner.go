package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// What an owner hears about a file, beside [FileQuarantined].
const (
	FileReleased = "file_released" // an admin opened it
	FileCleared  = "file_cleared"  // the scanner, asked again, found nothing any more
	FileDeleted  = "file_deleted"  // an admin deleted it
)

// NoticeOwnerArgs names what an owner is told, and the file it is about. The file may be gone by then.
type NoticeOwnerArgs struct {
	Notice string    `json:"notice"`
	FileID uuid.UUID `json:"file_id"`
	Owner  uuid.UUID `json:"owner"`
}

// NoticeOwner tells the owner of a file, on their stream of live events, what became of it without their doing.
//
// event: a release, a rescan that changes what a file is, and a deletion by an admin enqueue one in their transaction.
// Told twice is better than not at all: a retry may repeat it.
var NoticeOwner = queue.Kind[NoticeOwnerArgs]{
	Name:        "notice:owner",
	Queue:       Critical,
	MaxAttempts: 12,
	Timeout:     time.Minute,
}
