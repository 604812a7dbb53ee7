package files

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/internal/tracing"
)

// metrics counts what happens to files.
type metrics struct {
	uploads, bytes  prometheus.Counter
	verdicts        *prometheus.CounterVec
	scan, thumbnail prometheus.Histogram
}

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 240},
		})
	}
	return &metrics{
		uploads: counter("rohrpost_files_uploads_total", "Uploads that were stored."),
		bytes:   counter("rohrpost_files_upload_bytes_total", "Bytes of the uploads that were stored."),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rohrpost_files_verdicts_total",
			Help: "What the scanner said: clean, infected, limits_exceeded, encrypted; error where it could not be asked.",
		}, []string{"verdict"}),
		scan:      histogram("rohrpost_files_scan_duration_seconds", "Time in which the scanner looked at a file."),
		thumbnail: histogram("rohrpost_files_thumbnail_duration_seconds", "Time in which all thumbnails of a file were made."),
	}
}

// Measured has what happens to files counted at reg.
func Measured(reg prometheus.Registerer) Option {
	return func(s *Service) {
		m := s.metrics
		reg.MustRegister(m.uploads, m.bytes, m.verdicts, m.scan, m.thumbnail)
	}
}

func (m *metrics) scanned(ctx context.Context, began time.Time, verdict string, err error) {
	if err != nil {
		verdict = verdictError
	}
	m.verdicts.WithLabelValues(verdict).Inc()
	tracing.Observe(ctx, m.scan, time.Since(began).Seconds())
}
