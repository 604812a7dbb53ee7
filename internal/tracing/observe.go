package tracing

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Observe puts a value into a histogram, with the trace of ctx as its exemplar where that is sent somewhere.
func Observe(ctx context.Context, histogram prometheus.Observer, value float64) {
	ObserveIn(trace.SpanFromContext(ctx), histogram, value)
}

// ObserveIn is [Observe] for a caller that holds the span.
func ObserveIn(span trace.Span, histogram prometheus.Observer, value float64) {
	of := span.SpanContext()
	with, ok := histogram.(prometheus.ExemplarObserver)
	if !ok || !of.IsSampled() {
		histogram.Observe(value)
		return
	}
	with.ObserveWithExemplar(value, prometheus.Labels{"trace_id": of.TraceID().String()})
}
