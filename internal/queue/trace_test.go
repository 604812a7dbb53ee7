package queue_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/internal/queue"
	"rohrpost/internal/tracing"
)

func TestAStatementThatEndsSeveralAttemptsIsInTheTracesOfAll(t *testing.T) {
	t.Parallel()
	ended := tracetest.NewSpanRecorder()
	tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(ended)).Tracer("test")
	attempts := []trace.Span{tracing.None}
	for range 3 {
		_, span := tracer.Start(t.Context(), "process q")
		attempts = append(attempts, span)
	}
	// When one statement ends four attempts, of which one is not recorded
	queue.Settling(t.Context(), attempts...).End()
	for _, span := range attempts {
		span.End()
	}
	// Then its span is below the first one, and linked with the others in both directions
	settle, first := ended.Ended()[0], ended.Ended()[1]
	require.Equal(t, "settle", settle.Name())
	require.Equal(t, first.SpanContext().SpanID(), settle.Parent().SpanID())
	require.Empty(t, first.Links())
	require.Contains(t, settle.Attributes(), attribute.Int("messaging.batch.message_count", 4))
	require.Len(t, settle.Links(), 2)
	for i, other := range ended.Ended()[2:] {
		require.Equal(t, other.SpanContext().SpanID(), settle.Links()[i].SpanContext.SpanID())
		require.Equal(t, settle.SpanContext().SpanID(), other.Links()[0].SpanContext.SpanID())
	}
	// And nothing is begun where nobody looks
	require.Equal(t, tracing.None, queue.Settling(t.Context(), tracing.None))
}
