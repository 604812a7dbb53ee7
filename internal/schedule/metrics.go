package schedule

import "github.com/prometheus/client_golang/prometheus"

func newLateness() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "rohrpost_schedule_lateness_seconds", Help: "Time from a tick to the start of its job.",
		Buckets: []float64{.01, .05, .1, .5, 1, 5, 30, 60, 300, 3600, 86400},
	})
}

// Measured has the lateness of ticks counted at reg.
func Measured(reg prometheus.Registerer) Option {
	return func(s *Service) { reg.MustRegister(s.lateness) }
}
