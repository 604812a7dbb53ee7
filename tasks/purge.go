package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// PurgeArgs names the file whose storage is to be tidied, and what of it to remove.
type PurgeArgs struct {
	FileID uuid.UUID `json:"file_id"`
	// Keys are what the record has stopped naming, and will not name again. None: whatever it doesn't name.
	Keys []string `json:"keys,omitempty"`
}

// Purge removes what the storage still holds of a file and the file's record doesn't name: all of a deleted one, the place
// that the content of another was moved from.
//
// event: deleting, quarantining or releasing a file enqueues one, for a little later, in the same transaction. The process that
// does so removes the blobs itself as well, at once; the job is for when it can't.
var Purge = queue.Kind[PurgeArgs]{
	Name:        "file:purge",
	Queue:       Files,
	MaxAttempts: 20,
	Timeout:     time.Minute,
}
