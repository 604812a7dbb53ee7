package tasks

import (
	"time"

	"rohrpost/internal/queue"
)

// MakeModelArgs names the model.
type MakeModelArgs struct {
	Name string `json:"name"`
}

// MakeModel has the Ollama server make a model of another one, with a system text and parameters of its own.
//
// request: POST /api/admin/models enqueues one in the transaction that records the model.
var MakeModel = queue.Kind[MakeModelArgs]{
	Name:        "ai:create-model",
	Queue:       AI,
	MaxAttempts: 8,
	// The server reads a base of dozens of gigabytes once.
	Timeout: 30 * time.Minute,
	// Two of one name would overwrite each other.
	PerKey: 1,
}

// DeleteModelArgs names the model.
type DeleteModelArgs struct {
	Name string `json:"name"`
}

// DeleteModel deletes a model that was made here where it is, and forgets it.
//
// request: DELETE /api/admin/models/{name}; event: making a model that fails or is cancelled enqueues one in the same
// transaction, for a little later, lest half of it stays.
var DeleteModel = queue.Kind[DeleteModelArgs]{
	Name:        "ai:delete-model",
	Queue:       AI,
	MaxAttempts: 20,
	Timeout:     time.Minute,
}
