package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// TuneArgs names the tuning.
type TuneArgs struct {
	TuningID uuid.UUID `json:"tuning_id"`
}

// Tune has a model tuned with a dataset by a service that speaks OpenAI's API: it uploads the files, has the service start
// its job, and looks how that is doing, now and then and without holding a worker meanwhile.
//
// request: POST /api/admin/tunings enqueues one in the transaction that records the tuning.
var Tune = queue.Kind[TuneArgs]{
	Name:  "ai:tune",
	Queue: AI,
	// Of an upload or of starting the job: with the engine's back-off they bridge an hour. A look at a job that runs is no
	// attempt.
	MaxAttempts: 20,
	// Two files of the greatest size by the slowest line that the client allows.
	Timeout: 3 * time.Hour,
}

// EndTuningArgs says what a tuning that is over left at the service, as far as it is known.
type EndTuningArgs struct {
	TuningID  uuid.UUID `json:"tuning_id"`
	Round     int32     `json:"round"`
	RemoteJob string    `json:"remote_job,omitempty"`
	Files     []string  `json:"files,omitempty"`
	// Cancel stops the job at the service, too.
	Cancel bool `json:"cancel,omitempty"`
	// Search looks for what the service may have and we were not told of.
	Search bool `json:"search,omitempty"`
	// Keep leaves the files where they are.
	Keep bool `json:"keep,omitempty"`
}

// EndTuning stops at the service what is not wanted any more, and deletes what was uploaded.
//
// event: a tuning that ends, in whatever way, enqueues one in the transaction in which it does. While the service is away
// it is put off, for days if need be.
var EndTuning = queue.Kind[EndTuningArgs]{
	Name:        "ai:tune-end",
	Queue:       AI,
	MaxAttempts: 20,
	Timeout:     10 * time.Minute,
}
