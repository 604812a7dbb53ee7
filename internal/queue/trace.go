package queue

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// A job's trace, by the semantic conventions for messaging: `create` when it is enqueued, whose span is in the job's record
// and in its task and is the parent of all others; `send` when it is handed to Redis; for each attempt a `wait`, from due
// to running, and a `process`, in which the event `claimed` tells when the worker had the job that it had asked for. The
// statements that put the outcome on record are below it; one that does so for several jobs has a span `settle`. The attempt
// of a worker that died is never told by it; `crash` says that there was one.

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

// process begins the span of an attempt, for which the worker asked then, after that of the wait before it.
func (r *Run) process(ctx context.Context, asked time.Time) context.Context {
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
		message(job, "process"), trace.WithAttributes(semconv.MessagingOperationTypeProcess), trace.WithLinks(enqueued),
		trace.WithTimestamp(asked))
	r.span.AddEvent("claimed")
	return ctx
}

// settling begins the span of a statement that puts the outcome of several attempts on record. It is in the trace of the
// first of them that is recorded; the others are linked with it, in both directions.
func settling(ctx context.Context, done []completion) (context.Context, trace.Span) {
	settle := tracing.None
	for _, c := range done {
		switch {
		case !c.span.IsRecording():
		case !settle.IsRecording():
			ctx, settle = tracing.Start(trace.ContextWithSpan(ctx, c.span), "settle", trace.WithSpanKind(trace.SpanKindClient),
				trace.WithAttributes(semconv.MessagingSystemKey.String("rohrpost"), semconv.MessagingOperationName("settle"),
					semconv.MessagingOperationTypeSettle, semconv.MessagingBatchMessageCount(len(done))))
		default:
			settle.AddLink(trace.Link{SpanContext: c.span.SpanContext()})
			c.span.AddLink(trace.Link{SpanContext: settle.SpanContext()})
		}
	}
	return ctx, settle
}

// crashed tells of an attempt that took its worker along.
func crashed(ctx context.Context, job db.Job) {
	_, span := tracing.Root(traceOf(ctx, &job), "crash "+job.Queue, message(&job, "crash"))
	tracing.End(span, fault.New(Poison, "its worker died"))
}
