package queue

import (
	"context"

	"rohrpost/db"
)

// EnqueueAgain gives Redis a job's claim check without looking at the record.
func EnqueueAgain(e *Engine, job db.Job) error {
	return e.enqueueOne(context.Background(), job)
}
