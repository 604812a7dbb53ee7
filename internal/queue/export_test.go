package queue

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"rohrpost/db"
)

// EnqueueAgain gives Redis a job's claim check without looking at the record.
func EnqueueAgain(e *Engine, job db.Job) error {
	return e.enqueueOne(context.Background(), atTheEnd(job)[0])
}

// Settling begins the span of a statement that ends attempts with these spans.
func Settling(ctx context.Context, attempts ...trace.Span) trace.Span {
	done := make([]completion, len(attempts))
	for i, span := range attempts {
		done[i].span = span
	}
	_, span := settling(ctx, done)
	return span
}
