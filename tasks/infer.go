package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// InferArgs names the question to put to a model.
type InferArgs struct {
	QueryID uuid.UUID `json:"query_id"`
}

// Infer puts a recorded question to its model and streams the answer.
//
// request: POST /api/ai/query and GET /api/ai/stream enqueue one. The limit key is the model; how many may run at once
// comes with the job from the configuration.
var Infer = queue.Kind[InferArgs]{
	Name:  "ai:infer",
	Queue: AI,
	// With the engine's back-off this bridges about two minutes without a model server: somebody waits for the answer.
	MaxAttempts: 8,
	Timeout:     10 * time.Minute,
	PerKey:      1,
}
