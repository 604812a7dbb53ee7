package stream

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what readers get.
type Metrics struct {
	open    prometheus.Gauge
	events  prometheus.Counter
	cutOff  prometheus.Counter
	reloads prometheus.Counter
}

// NewMetrics makes the metrics and registers them; with a nil registerer they are counted and never shown. Registering
// twice at one registerer panics, as prometheus does.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rohrpost_stream_open", Help: "Open subscriptions of this process."}),
		events: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rohrpost_stream_events_total", Help: "Events handed to subscriptions, replayed ones included."}),
		cutOff: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rohrpost_stream_cut_off_total", Help: "Subscriptions cut off because their reader was too slow."}),
		reloads: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rohrpost_stream_reloads_total", Help: "Subscriptions told to reload because events are missing."}),
	}
	if reg != nil {
		reg.MustRegister(m.open, m.events, m.cutOff, m.reloads)
	}
	return m
}
