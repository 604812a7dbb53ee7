package ai

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// unknown stands for the models that no server has, whose names anybody may make up.
const unknown = "unknown"

// metrics counts what models are asked. Each model that answers has its own series: there are as many as the operator has
// installed.
type metrics struct {
	requests, tokens, listed   *prometheus.CounterVec
	first, duration, perSecond *prometheus.HistogramVec
	running                    prometheus.Gauge
}

func newMetrics() *metrics {
	histogram := func(name, help string, buckets ...float64) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, []string{"model"})
	}
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ai_requests_total",
			Help: "Generations that ended, by model and status: ok, cancelled, or the code of the error.",
		}, []string{"model", "status"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ai_tokens_total", Help: "Tokens by model and direction: prompt, completion."}, []string{"model", "direction"}),
		first: histogram("ai_time_to_first_token_seconds", "Time to the first text of an answer, loading the model included.",
			.025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60),
		duration: histogram("ai_request_duration_seconds", "Time of a whole generation.",
			.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600),
		perSecond: histogram("ai_tokens_per_second", "Tokens of an answer by the time from its first to its last.",
			1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
		listed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ai_model_lists_total",
			Help: "Looks at the list of models, by where it came from: cache, server.",
		}, []string{"from"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ai_running", Help: "Generations under way in this process."}),
	}
}

// Measured has the generations of a service counted at reg.
func Measured(reg prometheus.Registerer) Option {
	return func(s *Service) {
		m := s.metrics
		reg.MustRegister(m.requests, m.tokens, m.listed, m.first, m.duration, m.perSecond, m.running)
	}
}

func (m *metrics) ended(ctx context.Context, model string, a Answer, err error) {
	status := "ok"
	switch code := fault.CodeOf(err); {
	case code == ModelNotFound:
		model, status = unknown, string(code)
	case err != nil:
		status = string(code)
	}
	m.requests.WithLabelValues(model, status).Inc()
	m.tokens.WithLabelValues(model, "prompt").Add(float64(a.PromptTokens))
	m.tokens.WithLabelValues(model, "completion").Add(float64(a.CompletionTokens))
	if err != nil {
		return
	}
	tracing.Observe(ctx, m.duration.WithLabelValues(model), a.Total.Seconds())
	if a.FirstToken > 0 {
		tracing.Observe(ctx, m.first.WithLabelValues(model), a.FirstToken.Seconds())
	}
	if writing := a.Total - a.FirstToken; a.FirstToken > 0 && writing > time.Millisecond {
		tracing.Observe(ctx, m.perSecond.WithLabelValues(model), float64(a.CompletionTokens)/writing.Seconds())
	}
}
