package queue

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// A job's trace, by the semantic conventions for messaging: `create` when it is enqueued, whose span is in the job's record
// and in its task and is the parent of all others; `send` when it is handed to Redis; for each attempt a `wait`, from due
// to running, and a `process`. The attempt of a worker that died is never told by it; `crash` says that there was one.

// message describes a job in a span.
func message(job *db.Job, operation string) trace.SpanStartEventOption {
	return trace.WithAttributes(
		semconv.MessagingSystemKey.String("rohrpost"), semconv.MessagingOperationName(operation),
		semconv.MessagingDestinationName(job.Queue), semconv.MessagingMessageID(job.ID.String()),
		attribute.String("rohrpost.job.kind", job.Kind), attribute.Int("rohrpost.job.attempt", int(job.Attempt)),
		attribute.Int64("rohrpost.job.epoch", job.Epoch),
	)
}

// create begins the span of an enqueue and puts it into the job's record, unless the caller has another one for that.
func create(ctx context.Context, p *db.InsertJobParams) (context.Context, trace.Span) {
	span := tracing.None
	if tracing.On() {
		ctx, span = creating(ctx, p)
	}
	if parent := tracing.Parent(ctx); p.TraceContext == nil && parent != "" {
		p.TraceContext = &parent
	}
	return ctx, span
}

func creating(ctx context.Context, p *db.InsertJobParams) (context.Context, trace.Span) {
	job := db.Job{ID: p.ID, Kind: p.Kind, Queue: p.Queue}
	return tracing.Root(ctx, "create "+p.Queue, trace.WithSpanKind(trace.SpanKindProducer),
		message(&job, "create"), trace.WithAttributes(semconv.MessagingOperationTypeCreate))
}

// traceOf is ctx in the trace of a job.
func traceOf(ctx context.Context, job *db.Job) context.Context {
	return tracing.Continue(ctx, db.Text(job.TraceContext))
}

// send begins the span of a job's way to Redis.
func send(ctx context.Context, job db.Job) (context.Context, trace.Span) {
	if !tracing.On() {
		return ctx, tracing.None
	}
	return tracing.Root(traceOf(ctx, &job), "send "+job.Queue, trace.WithSpanKind(trace.SpanKindProducer),
		message(&job, "send"), trace.WithAttributes(semconv.MessagingOperationTypeSend))
}

// process begins the span of an attempt, after that of the wait before it.
func (r *Run) process(ctx context.Context) context.Context {
	job := &r.job
	ctx, r.span = traceOf(ctx, job), tracing.None
	if id := tracing.ID(ctx); id != "" {
		r.log = r.log.With("trace_id", id)
	}
	if !tracing.On() {
		return ctx
	}
	if job.StartedAt != nil && job.StartedAt.After(job.RunAt) {
		_, wait := tracing.Root(ctx, "wait "+job.Queue, message(job, "wait"), trace.WithTimestamp(job.RunAt))
		wait.End(trace.WithTimestamp(*job.StartedAt))
	}
	enqueued := trace.LinkFromContext(ctx)
	ctx, r.span = tracing.Root(ctx, "process "+job.Queue, trace.WithSpanKind(trace.SpanKindConsumer),
		message(job, "process"), trace.WithAttributes(semconv.MessagingOperationTypeProcess), trace.WithLinks(enqueued))
	return ctx
}

// crashed tells of an attempt that took its worker along.
func crashed(ctx context.Context, job db.Job) {
	_, span := tracing.Root(traceOf(ctx, &job), "crash "+job.Queue, message(&job, "crash"))
	tracing.End(span, fault.New(Poison, "its worker died"))
}
