package mail

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// metrics counts mails. Templates are as many as this package has.
type metrics struct {
	ended    *prometheus.CounterVec
	delivery prometheus.Histogram
}

func newMetrics() *metrics {
	return &metrics{
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rohrpost_mail_attempts_total",
			Help: "Attempts to send a mail, by template and outcome: sent, suppressed, skipped, or the code of the error.",
		}, []string{"template", "outcome"}),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rohrpost_mail_delivery_duration_seconds", Help: "Time in which the mail server took a mail or refused it.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}),
	}
}

// Option refines a service.
type Option func(*Service)

// Measured has mails counted at reg.
func Measured(reg prometheus.Registerer) Option {
	return func(s *Service) { reg.MustRegister(s.metrics.ended, s.metrics.delivery) }
}

func (m *metrics) delivered(ctx context.Context, began time.Time, template string, err error) {
	tracing.Observe(ctx, m.delivery, time.Since(began).Seconds())
	outcome := Sent
	if err != nil {
		outcome = string(fault.CodeOf(err))
	}
	m.ended.WithLabelValues(template, outcome).Inc()
}
