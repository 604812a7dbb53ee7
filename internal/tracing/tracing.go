// Package tracing makes the spans of OpenTelemetry, so that one trace tells a job's whole story: the request, the enqueue,
// each attempt, what the attempt asked of the database, the storage and the servers beside it, and the events that told the
// end. Package otlp sends them; where it does not, spans are not made and cost next to nothing.
//
// A span has no prompt, no name of a file, no address and no text of an error in it: names, ids and codes only.
package tracing

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/internal/fault"
)

const (
	scope = "rohrpost"
	// header is what carries a trace over a process border, in W3C Trace Context: a header of HTTP and of tasks, and a
	// column of the jobs.
	header = "traceparent"
)

// None is a span that nobody will see.
var None = trace.SpanFromContext(context.Background())

// tracer makes the spans that begin a trace in this process; nil while nobody wants them.
var tracer atomic.Pointer[trace.Tracer]

// Use has the spans of this process made by provider; nil makes none any more.
func Use(provider trace.TracerProvider) {
	if provider == nil {
		tracer.Store(nil)
		return
	}
	t := provider.Tracer(scope)
	tracer.Store(&t)
}

// On tells whether spans are made. Who would make attributes for one in vain asks first.
func On() bool { return tracer.Load() != nil }

// Start begins a span for a step below the span of ctx. Where that is not recorded, none begins: what a process does for
// itself, such as its heartbeats, leaves no trace. The caller ends it with [End].
func Start(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, None
	}
	return parent.TracerProvider().Tracer(scope).Start(ctx, name, options...)
}

// Call is [Start] for a step that another server takes.
func Call(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, None
	}
	return Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attributes...))
}

// Root begins a span that may be the first one of its trace in this process: below what [Continue] brought, or of a trace
// of its own.
func Root(ctx context.Context, name string, options ...trace.SpanStartOption) (context.Context, trace.Span) {
	t := tracer.Load()
	if t == nil {
		return ctx, None
	}
	return (*t).Start(ctx, name, options...)
}

// Under gives ctx the span of another context, whose end it does not share.
func Under(ctx, of context.Context) context.Context {
	return trace.ContextWithSpan(ctx, trace.SpanFromContext(of))
}

// Fail marks a span as failed by the code of err. A nil err leaves it as it is.
func Fail(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(string(fault.CodeOf(err))))
	}
}

// End ends a span; a step that ended with err has failed.
func End(span trace.Span, err error) {
	Fail(span, err)
	span.End()
}

// Parent is the span of ctx as a W3C traceparent, "" where there is none.
func Parent(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier[header]
}

// Continue gives ctx the span that a traceparent names as its parent. One that can't be read changes nothing.
func Continue(ctx context.Context, traceparent string) context.Context {
	if traceparent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{header: traceparent})
}

// ID is the trace that ctx belongs to, 32 hexadecimal digits, "" where there is none.
func ID(ctx context.Context) string {
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		return span.TraceID().String()
	}
	return ""
}

// IDOf is the trace that a traceparent belongs to, "" where there is none.
func IDOf(traceparent *string) string {
	if traceparent == nil {
		return ""
	}
	return ID(Continue(context.Background(), *traceparent))
}
