package otlp

import (
	"strconv"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	"rohrpost/internal/fault"
)

// sampler is the one that the standard variables name. The library would read them itself, but takes a mistake in them
// for the default.
func (c Config) sampler() (trace.Sampler, error) {
	ratio := 1.0
	if c.SamplerArg != "" {
		var err error
		if ratio, err = strconv.ParseFloat(c.SamplerArg, 64); err != nil || ratio < 0 || ratio > 1 {
			return nil, fault.New(fault.Invalid, "OTEL_TRACES_SAMPLER_ARG is %q, it may be 0 to 1", c.SamplerArg)
		}
	}
	switch c.Sampler {
	case "", "parentbased_always_on":
		return trace.ParentBased(trace.AlwaysSample()), nil
	case "parentbased_always_off":
		return trace.ParentBased(trace.NeverSample()), nil
	case "parentbased_traceidratio":
		return trace.ParentBased(trace.TraceIDRatioBased(ratio)), nil
	case "always_on":
		return trace.AlwaysSample(), nil
	case "always_off":
		return trace.NeverSample(), nil
	case "traceidratio":
		return trace.TraceIDRatioBased(ratio), nil
	}
	return nil, fault.New(fault.Invalid, "OTEL_TRACES_SAMPLER is %q, it may be always_on, always_off, traceidratio, or one of "+
		"these behind parentbased_", c.Sampler)
}

// recordAll has spans recorded that are not sampled: only when one ends is it known whether it failed.
type recordAll struct{ trace.Sampler }

// ShouldSample implements [trace.Sampler].
func (r recordAll) ShouldSample(p trace.SamplingParameters) trace.SamplingResult {
	result := r.Sampler.ShouldSample(p)
	if result.Decision == trace.Drop {
		result.Decision = trace.RecordOnly
	}
	return result
}

// failuresToo sends the spans that were sampled, and of the others those that failed.
type failuresToo struct{ trace.SpanProcessor }

// OnEnd implements [trace.SpanProcessor].
func (f failuresToo) OnEnd(span trace.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() && span.Status().Code == codes.Error {
		span = kept{span}
	}
	f.SpanProcessor.OnEnd(span) // drops what is not sampled
}

// kept is a span that is sent although its trace is not sampled.
type kept struct{ trace.ReadOnlySpan }

// SpanContext implements [trace.ReadOnlySpan].
func (k kept) SpanContext() api.SpanContext {
	s := k.ReadOnlySpan.SpanContext()
	return s.WithTraceFlags(s.TraceFlags().WithSampled(true))
}
