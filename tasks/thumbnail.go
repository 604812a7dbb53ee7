package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// ThumbnailArgs names the clean image to make thumbnails of.
type ThumbnailArgs struct {
	FileID uuid.UUID `json:"file_id"`
}

// Thumbnail makes the three thumbnails of a clean image.
//
// event: a clean verdict on an image enqueues one in the transaction that records the verdict.
var Thumbnail = queue.Kind[ThumbnailArgs]{
	Name:        "file:thumbnail",
	Queue:       Files,
	MaxAttempts: 5,
	Timeout:     2 * time.Minute,
}
