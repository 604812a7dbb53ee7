package tracing_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// recording is a context with a span, and what came of the spans that ended.
func recording(t testing.TB) (context.Context, *tracetest.SpanRecorder) {
	t.Helper()
	ended := tracetest.NewSpanRecorder()
	ctx, _ := sdk.NewTracerProvider(sdk.WithSpanProcessor(ended)).Tracer("test").Start(t.Context(), "parent")
	return ctx, ended
}

func TestAStepIsSeenWhereItsParentIs(t *testing.T) {
	t.Parallel()
	ctx, ended := recording(t)
	below, span := tracing.Call(ctx, "scan")
	require.Equal(t, tracing.ID(ctx), tracing.ID(below))
	tracing.End(span, nil)
	require.Len(t, ended.Ended(), 1)
	require.Equal(t, "scan", ended.Ended()[0].Name())
	require.Equal(t, trace.SpanContextFromContext(ctx).SpanID(), ended.Ended()[0].Parent().SpanID())
	require.Equal(t, codes.Unset, ended.Ended()[0].Status().Code)

	// Without a parent nothing begins, and a step may still be ended
	alone, span := tracing.Start(t.Context(), "scan")
	require.Equal(t, t.Context(), alone)
	tracing.End(span, errors.New("no"))
	require.Empty(t, tracing.ID(alone))
}

func TestAFailureIsSeenByItsCodeAndNotByItsText(t *testing.T) {
	t.Parallel()
	ctx, ended := recording(t)
	_, span := tracing.Start(ctx, "send")
	tracing.End(span, fault.Wrap(errors.New("ada@example.org"), fault.Unavailable, "bob@example.org"))
	got := ended.Ended()[0]
	require.Equal(t, sdk.Status{Code: codes.Error}, got.Status())
	require.Len(t, got.Attributes(), 1)
	require.Equal(t, "unavailable", got.Attributes()[0].Value.AsString())
	require.Empty(t, got.Events())
}

func TestATraceGoesOnBehindABorder(t *testing.T) {
	t.Parallel()
	ctx, _ := recording(t)
	parent := tracing.Parent(ctx)
	require.Regexp(t, `^00-[0-9a-f]{32}-[0-9a-f]{16}-01$`, parent)
	there := tracing.Continue(t.Context(), parent)
	require.Equal(t, tracing.ID(ctx), tracing.ID(there))
	require.Equal(t, tracing.ID(ctx), tracing.IDOf(&parent))
	require.True(t, trace.SpanContextFromContext(there).IsRemote())
	for _, wrong := range []string{"", "00-1-1-01", "' OR 1=1"} {
		require.Empty(t, tracing.ID(tracing.Continue(t.Context(), wrong)))
		require.Empty(t, tracing.IDOf(&wrong))
	}
	require.Empty(t, tracing.IDOf(nil))
	require.Empty(t, tracing.Parent(t.Context()))
}

func TestLinesOfTheLogNameTheirTrace(t *testing.T) {
	t.Parallel()
	ctx, _ := recording(t)
	var out bytes.Buffer
	log := slog.New(tracing.Log(slog.NewTextHandler(&out, nil))).With("job", 1)
	log.InfoContext(t.Context(), "outside")
	require.NotContains(t, out.String(), "trace_id")
	log.InfoContext(ctx, "inside")
	require.Contains(t, out.String(), "msg=inside job=1 trace_id="+tracing.ID(ctx)+" span_id=")
}

func TestAValueInAHistogramNamesItsTrace(t *testing.T) {
	t.Parallel()
	ctx, _ := recording(t)
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: []float64{1, 2}})
	tracing.Observe(t.Context(), h, 0.5)
	tracing.Observe(ctx, h, 1.5)
	var got dto.Metric
	require.NoError(t, h.Write(&got))
	require.EqualValues(t, 2, got.GetHistogram().GetSampleCount())
	require.Nil(t, got.GetHistogram().GetBucket()[0].GetExemplar())
	require.Equal(t, tracing.ID(ctx), got.GetHistogram().GetBucket()[1].GetExemplar().GetLabel()[0].GetValue())
}

// Allocations are counted for the whole process, so this runs by itself.
func TestNobodyWantsSpansUnlessSomebodySaysSo(t *testing.T) {
	require.False(t, tracing.On())
	ctx, span := tracing.Request(t.Context(), "GET", "")
	require.False(t, span.IsRecording())
	tracing.EndRequest(span, "GET", "/", 200)
	require.Equal(t, t.Context(), ctx)
	// What came from outside is known all the same
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx, _ = tracing.Request(t.Context(), "GET", parent)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", tracing.ID(ctx))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		_, span := tracing.Start(t.Context(), "step")
		span.End()
	}))
}
