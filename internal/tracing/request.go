package tracing

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

const serverError = 500

// Request begins the span of an HTTP request, by the semantic conventions for HTTP servers. The path is left out of it: it
// may name a file or an address. A traceparent that came with the request is its parent.
func Request(ctx context.Context, method, traceparent string) (context.Context, trace.Span) {
	ctx, span := Root(Continue(ctx, traceparent), method, trace.WithSpanKind(trace.SpanKindServer))
	if span.IsRecording() {
		span.SetAttributes(semconv.HTTPRequestMethodKey.String(method))
	}
	return ctx, span
}

// EndRequest ends the span of a request with the pattern of its route and the status of its answer.
func EndRequest(span trace.Span, method, route string, status int) {
	if span.IsRecording() {
		span.SetName(method + " " + route)
		span.SetAttributes(semconv.HTTPRoute(route), semconv.HTTPResponseStatusCode(status))
		if status >= serverError {
			span.SetStatus(codes.Error, "")
			span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
		}
	}
	span.End()
}

// Following begins the span of somebody who follows a job's events: it belongs to the job's trace and is linked to the
// request that asked for the events, which ended when they began.
func Following(ctx context.Context, traceparent *string, attributes ...attribute.KeyValue) trace.Span {
	if traceparent == nil || !On() {
		return None
	}
	_, span := Root(Continue(context.Background(), *traceparent), "deliver events",
		trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(attributes...),
		trace.WithLinks(trace.LinkFromContext(ctx)))
	return span
}
