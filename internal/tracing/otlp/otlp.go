// Package otlp sends the spans of package tracing to a collector, by OTLP. It is set by the standard variables of
// OpenTelemetry, and off where none of them names a collector.
package otlp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// Config is what decides whether and how spans are sent. The exporter reads the other variables of OpenTelemetry itself:
// OTEL_EXPORTER_OTLP_HEADERS, …_CERTIFICATE, …_TIMEOUT, OTEL_BSP_*, OTEL_RESOURCE_ATTRIBUTES.
type Config struct {
	// Endpoint is the collector, such as http://127.0.0.1:4318. Unset, no spans are made.
	Endpoint string `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	// TracesEndpoint is the collector for traces alone.
	TracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	// Protocol is http/protobuf, which is the default, or grpc.
	Protocol string `env:"OTEL_EXPORTER_OTLP_PROTOCOL"`
	// TracesProtocol is the protocol for traces alone.
	TracesProtocol string `env:"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"`
	// Exporter is otlp, which is the default, or none.
	Exporter string `env:"OTEL_TRACES_EXPORTER"`
	// Disabled turns everything off, whatever the others say.
	Disabled bool `env:"OTEL_SDK_DISABLED"`
	// Sampler is which traces are sent: parentbased_always_on, which is the default, parentbased_traceidratio with its
	// ratio in SamplerArg, and the other standard ones. Spans that failed are sent all the same.
	Sampler string `env:"OTEL_TRACES_SAMPLER"`
	// SamplerArg is the part that is sent, 0 to 1.
	SamplerArg string `env:"OTEL_TRACES_SAMPLER_ARG"`
	// ServiceName is what the process is called. Default rohrpost-api, rohrpost-worker, …
	ServiceName string `env:"OTEL_SERVICE_NAME"`
}

// flushWithin bounds the last export of a process that ends. Spans are worth less than a timely end.
const flushWithin = 3 * time.Second

// Open has spans sent from now on, if cfg says where to, under the name of the process and the version of the program. The
// caller calls close, which sends what is left. That the collector is away is logged and disturbs nothing else.
func Open(ctx context.Context, cfg Config, process, version string, log *slog.Logger) (
	closeAll func(context.Context) error, err error) {
	if cfg.Disabled || cfg.Exporter == "none" || cfg.Endpoint == "" && cfg.TracesEndpoint == "" {
		return func(context.Context) error { return nil }, nil
	}
	if cfg.Exporter != "" && cfg.Exporter != "otlp" {
		return nil, fault.New(fault.Invalid, "OTEL_TRACES_EXPORTER is %q, it may be otlp or none", cfg.Exporter)
	}
	sampler, err := cfg.sampler()
	if err != nil {
		return nil, err
	}
	exporter, err := cfg.exporter(ctx)
	if err != nil {
		return nil, err
	}
	// Later ones win: the environment may say more.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		semconv.ServiceName("rohrpost-"+process), semconv.ServiceNamespace("rohrpost"), semconv.ServiceVersion(version),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces not sent", "err", err) }))
	provider := trace.NewTracerProvider(trace.WithSampler(recordAll{sampler}), trace.WithResource(about),
		trace.WithSpanProcessor(failuresToo{trace.NewBatchSpanProcessor(exporter)}))
	tracing.Use(provider)
	return func(ctx context.Context) error {
		tracing.Use(nil)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushWithin)
		defer cancel()
		if err := provider.Shutdown(ctx); err != nil {
			log.Warn("last traces not sent", "err", err)
		}
		return nil
	}, nil
}

func (c Config) exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	protocol := c.TracesProtocol
	if protocol == "" {
		protocol = c.Protocol
	}
	switch protocol {
	case "", "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	}
	return nil, fault.New(fault.Invalid, "OTEL_EXPORTER_OTLP_PROTOCOL is %q, it may be http/protobuf or grpc", protocol)
}
