package otlp_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
	"rohrpost/internal/tracing/otlp"
	"rohrpost/internal/tracing/tracetest"
)

// The tests of this package run one after the other: where spans go is a matter of the whole process.

func TestSpansArriveAtTheCollector(t *testing.T) {
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			collector := tracetest.New(t)
			cfg := otlp.Config{Endpoint: collector.URL, Protocol: protocol}
			if protocol == "grpc" {
				cfg.Endpoint = collector.GRPC
			}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", cfg.Endpoint)
			t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
			closeAll, err := otlp.Open(t.Context(), cfg, "worker", "v1", slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			ctx, span := tracing.Request(t.Context(), "GET", "")
			_, below := tracing.Call(ctx, "clamd scan")
			tracing.End(below, nil)
			tracing.EndRequest(span, "GET", "/api/files/:id", 503)
			require.NoError(t, closeAll(t.Context()))

			require.False(t, tracing.On())
			spans := collector.Spans(tracing.ID(ctx))
			require.Len(t, spans, 2)
			require.Equal(t, "clamd scan", spans[0].Name)
			require.Equal(t, "CLIENT", spans[0].Kind)
			require.Equal(t, spans[1].ID, spans[0].Parent)
			require.Equal(t, "GET /api/files/:id", spans[1].Name)
			require.Equal(t, "SERVER", spans[1].Kind)
			require.Equal(t, "rohrpost-worker", spans[1].Service)
			require.True(t, spans[1].Failed)
			require.Equal(t, "503", spans[1].Attributes["error.type"])
			require.Equal(t, "/api/files/:id", spans[1].Attributes["http.route"])
		})
	}
}

func TestFailuresArriveAlsoFromTracesThatAreNotSampled(t *testing.T) {
	collector := tracetest.New(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	closeAll, err := otlp.Open(t.Context(), otlp.Config{
		Endpoint: collector.URL, Sampler: "parentbased_traceidratio", SamplerArg: "0",
	}, "api", "v1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, span := tracing.Request(t.Context(), "GET", "")
	_, good := tracing.Start(ctx, "good")
	tracing.End(good, nil)
	_, bad := tracing.Start(ctx, "bad")
	tracing.End(bad, fault.New(fault.Timeout, "No."))
	tracing.EndRequest(span, "GET", "/", 200)
	require.NoError(t, closeAll(t.Context()))
	spans := collector.Spans("")
	require.Len(t, spans, 1)
	require.Equal(t, "bad", spans[0].Name)
	require.Equal(t, "timeout", spans[0].Attributes["error.type"])
	require.Equal(t, tracing.ID(ctx), spans[0].Trace)
}

func TestWithoutACollectorThereAreNoSpans(t *testing.T) {
	for _, cfg := range []otlp.Config{
		{}, {Endpoint: "http://127.0.0.1:1", Disabled: true}, {Endpoint: "http://127.0.0.1:1", Exporter: "none"},
	} {
		closeAll, err := otlp.Open(t.Context(), cfg, "api", "v1", slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		require.False(t, tracing.On())
		require.NoError(t, closeAll(t.Context()))
	}
}

func TestAMistakeInTheSettingsIsNamed(t *testing.T) {
	for variable, cfg := range map[string]otlp.Config{
		"OTEL_TRACES_EXPORTER":        {Exporter: "zipkin"},
		"OTEL_EXPORTER_OTLP_PROTOCOL": {Protocol: "http/json"},
		"OTEL_TRACES_SAMPLER ":        {Sampler: "sometimes"},
		"OTEL_TRACES_SAMPLER_ARG":     {Sampler: "traceidratio", SamplerArg: "half"},
	} {
		cfg.TracesEndpoint = "http://127.0.0.1:1"
		_, err := otlp.Open(t.Context(), cfg, "api", "v1", slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, variable)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
}
