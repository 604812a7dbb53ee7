package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// ExportArgs names the dataset to build.
type ExportArgs struct {
	DatasetID uuid.UUID `json:"dataset_id"`
}

// Export writes conversations to the files of a dataset.
//
// request: POST /api/ai/datasets enqueues one in the transaction that records the dataset.
var Export = queue.Kind[ExportArgs]{
	Name:  "ai:export",
	Queue: Reports,
	// Each attempt begins from the start, and what fails twice for the same reason needs somebody to look.
	MaxAttempts: 5,
	// A million conversations take some minutes.
	Timeout: 4 * time.Hour,
	// Each holds a connection and a snapshot of the database while it runs.
	PerOwner: 1,
	PerKey:   2,
}
