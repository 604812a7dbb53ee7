package db

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/internal/tracing"
)

// metrics counts statements by name; the names are as many as there are queries.
type metrics struct {
	duration     *prometheus.HistogramVec
	failed, slow *prometheus.CounterVec
	prepared     prometheus.Counter
}

// Few: there is a histogram for each statement.
var statementBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .1, .5, 2.5}

func newMetrics() *metrics {
	byName := []string{"statement"}
	return &metrics{
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rohrpost_db_statement_duration_seconds", Buckets: statementBuckets,
			Help: "Time from sending a statement to the end of its results, by its name in the folder queries.",
		}, byName),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rohrpost_db_statements_failed_total", Help: "Statements that ended with an error, by name."}, byName),
		slow: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rohrpost_db_statements_slow_total", Help: "Statements slower than DATABASE_SLOW_AFTER, by name."}, byName),
		prepared: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rohrpost_db_statements_prepared_total",
			Help: "Statements that a connection had to prepare, as they were not in its cache."}),
	}
}

func (m *metrics) register(reg prometheus.Registerer) {
	reg.MustRegister(m.duration, m.failed, m.slow, m.prepared)
}

func (m *metrics) count(ctx context.Context, name string, took time.Duration, err error) {
	tracing.Observe(ctx, m.duration.WithLabelValues(name), took.Seconds())
	if err != nil {
		m.failed.WithLabelValues(name).Inc()
	}
}

// poolMetrics shows a pool as it is at the scrape.
type poolMetrics struct {
	pool    *pgxpool.Pool
	refused *atomic.Int64

	max, connections, acquires, waits, waited, canceled, busy, opened, closed *prometheus.Desc
}

func newPoolMetrics(pool *pgxpool.Pool, refused *atomic.Int64) *poolMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rohrpost_db_pool_"+name, help, labels, nil)
	}
	return &poolMetrics{
		pool: pool, refused: refused,
		max:         desc("max_connections", "The most connections that this process may open."),
		connections: desc("connections", "Open connections by state: acquired, idle, opening.", "state"),
		acquires:    desc("acquires_total", "Connections handed out."),
		waits:       desc("waits_total", "Times that no connection was free and one had to be waited for or opened."),
		waited:      desc("wait_seconds_total", "Time spent in these waits."),
		canceled:    desc("abandoned_total", "Waits that ended without a connection, those refused included."),
		busy:        desc("refused_total", "Waits that took longer than DATABASE_WAIT."),
		opened:      desc("opened_total", "Connections opened."),
		closed:      desc("closed_total", "Connections closed by cause: lifetime, idle.", "cause"),
	}
}

// Describe implements prometheus.Collector.
func (p *poolMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		p.max, p.connections, p.acquires, p.waits, p.waited, p.canceled, p.busy, p.opened, p.closed,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (p *poolMetrics) Collect(ch chan<- prometheus.Metric) {
	s := p.pool.Stat()
	gauge := func(d *prometheus.Desc, n int32, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), labels...)
	}
	counter := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	gauge(p.max, s.MaxConns())
	gauge(p.connections, s.AcquiredConns(), "acquired")
	gauge(p.connections, s.IdleConns(), "idle")
	gauge(p.connections, s.ConstructingConns(), "opening")
	counter(p.acquires, float64(s.AcquireCount()))
	counter(p.waits, float64(s.EmptyAcquireCount()))
	counter(p.waited, s.EmptyAcquireWaitTime().Seconds())
	counter(p.canceled, float64(s.CanceledAcquireCount()))
	counter(p.busy, float64(p.refused.Load()))
	counter(p.opened, float64(s.NewConnsCount()))
	counter(p.closed, float64(s.MaxLifetimeDestroyCount()), "lifetime")
	counter(p.closed, float64(s.MaxIdleDestroyCount()), "idle")
}
