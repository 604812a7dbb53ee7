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
// event: a clean verdict on an image enqueues one in the transaction that records the verdict, and so does a release.
var Thumbnail = queue.Kind[ThumbnailArgs]{
	Name:  "file:thumbnail",
	Queue: Files,
	// An image that can't be made smaller is no failure. What fails is the storage: with the engine's back-off this bridges
	// some two hours in which it is full or away.
	MaxAttempts: 60,
	Timeout:     2 * time.Minute,
}
