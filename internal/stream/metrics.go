package stream

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts what readers get.
type Metrics struct {
	open    prometheus.Gauge
	events  prometheus.Counter
	reloads prometheus.Counter
	lag     prometheus.Histogram
}

// NewMetrics makes the metrics and registers them; with a nil registerer they are counted and never shown. Registering
// twice at one registerer panics, as prometheus does.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rohrpost_stream_open", Help: "Open subscriptions of this process."}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rohrpost_stream_events_total", Help: "Events handed to subscriptions, replayed ones included."}),
		reloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rohrpost_stream_reloads_total", Help: "Subscriptions told to reload because events are missing."}),
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "rohrpost_stream_lag_seconds",
			Help: "Time from the append of a live event, by Redis's clock, until it was written to its reader; " +
				"one observation a write, of the oldest event in it.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
	}
	if reg != nil {
		reg.MustRegister(m.open, m.events, m.reloads, m.lag)
	}
	return m
}

// Written counts how long a live event took from its writer to its reader's connection. One that was read from the log
// says nothing about that, and is not counted.
func (s *Subscription) Written(e Event) {
	if e.appended != 0 {
		// Two machines' clocks may differ by more than an event takes.
		s.hub.metrics.lag.Observe(max(0, time.Since(time.UnixMicro(e.appended)).Seconds()))
	}
}
