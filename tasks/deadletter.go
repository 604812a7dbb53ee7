package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// DeadLetters picks jobs that failed for good and were not discarded. What is left out picks all.
type DeadLetters struct {
	Kind  string      `json:"kind,omitempty"`
	Code  string      `json:"code,omitempty"`  // of the error
	Q     string      `json:"q,omitempty"`     // part of the error's message, in any case
	IDs   []uuid.UUID `json:"ids,omitempty"`   // of the jobs
	Since *time.Time  `json:"since,omitempty"` // when they failed
	Until *time.Time  `json:"until,omitempty"`
}

// RetryDeadArgs says which jobs to start afresh.
type RetryDeadArgs struct {
	DeadLetters
	// FailedBy is when it was asked for, by PostgreSQL's clock. A job that fails again is not tried in a circle.
	FailedBy time.Time `json:"failed_by"`
	Rate     int       `json:"rate"` // jobs a second
}

// RetryDead starts many failed jobs afresh, at a rate that what they need can stand.
//
// request: POST /api/admin/dead-letters/retry, and the command line.
var RetryDead = queue.Kind[RetryDeadArgs]{
	Name:  "deadletter:retry",
	Queue: Maintenance,
	// It goes on where it was, so that an attempt that ended early costs nothing.
	MaxAttempts: 20,
	// It gives its place back every few minutes, also in the middle of the work.
	Timeout: 30 * time.Minute,
}

// DiscardDeadArgs says which jobs need no more attention.
type DiscardDeadArgs struct {
	DeadLetters
	FailedBy time.Time `json:"failed_by"` // as in RetryDeadArgs
}

// DiscardDead takes many failed jobs out of the dead letters.
//
// request: POST /api/admin/dead-letters/discard, and the command line.
var DiscardDead = queue.Kind[DiscardDeadArgs]{
	Name:        "deadletter:discard",
	Queue:       Maintenance,
	MaxAttempts: 5,
	Timeout:     30 * time.Minute,
}
