package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// PurgeDatasetArgs names the dataset whose storage is to be tidied.
type PurgeDatasetArgs struct {
	DatasetID uuid.UUID `json:"dataset_id"`
}

// PurgeDataset removes what the storage still holds of a dataset and its record doesn't name: all of a deleted one, what
// a failed or cancelled export had written.
//
// event: deleting a dataset, and an export that fails or is cancelled, enqueue one, for a little later, in the same
// transaction. Whoever can removes the blobs at once; the job is for when nobody could.
var PurgeDataset = queue.Kind[PurgeDatasetArgs]{
	Name:        "dataset:purge",
	Queue:       Maintenance,
	MaxAttempts: 20,
	Timeout:     5 * time.Minute,
}
