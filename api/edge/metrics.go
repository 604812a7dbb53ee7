package edge

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/internal/tracing"
)

// Metrics counts requests. The endpoint label is the route's pattern, so its values are as many as there are routes.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

// NewMetrics makes the metrics and registers them; with a nil registerer they are counted and never shown.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "api_requests_total", Help: "Requests answered."}, []string{"method", "endpoint", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "api_request_duration_seconds",
			Help:    "Time until the answer was ready, for uploads with the time in which they came.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method", "endpoint"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "api_requests_in_flight", Help: "Requests that are being worked on, without event streams."}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.duration, m.inFlight)
	}
	return m
}

func (m *Metrics) count(ctx context.Context, method, endpoint string, status int, took time.Duration) {
	m.requests.WithLabelValues(method, endpoint, strconv.Itoa(status)).Inc()
	tracing.Observe(ctx, m.duration.WithLabelValues(method, endpoint), took.Seconds())
}
