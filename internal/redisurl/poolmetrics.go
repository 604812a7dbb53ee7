package redisurl

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
)

// PoolMetrics shows the connections of a client as they are at the scrape.
type PoolMetrics struct {
	client redis.UniversalClient

	connections, acquires, waits, waited, refused, stale *prometheus.Desc
}

// NewPoolMetrics makes the metrics of a client; the caller registers them, for one client of a process.
func NewPoolMetrics(client redis.UniversalClient) *PoolMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rohrpost_redis_pool_"+name, help, labels, nil)
	}
	return &PoolMetrics{
		client:      client,
		connections: desc("connections", "Open connections by state: acquired, idle. Subscriptions are not among them.", "state"),
		acquires:    desc("acquires_total", "Connections handed out, by whether one was free (hit) or was opened (miss).", "from"),
		waits:       desc("waits_total", "Times that a connection had to be waited for."),
		waited:      desc("wait_seconds_total", "Time spent in these waits."),
		refused:     desc("refused_total", "Waits that took longer than the client's pool_timeout."),
		stale:       desc("closed_total", "Connections closed because they were too old or idle for too long."),
	}
}

// Describe implements prometheus.Collector.
func (m *PoolMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.connections, m.acquires, m.waits, m.waited, m.refused, m.stale} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *PoolMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.client.PoolStats()
	idle := min(s.IdleConns, s.TotalConns) // the two are not read at the same moment
	ch <- prometheus.MustNewConstMetric(m.connections, prometheus.GaugeValue, float64(s.TotalConns-idle), "acquired")
	ch <- prometheus.MustNewConstMetric(m.connections, prometheus.GaugeValue, float64(idle), "idle")
	counter := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	counter(m.acquires, float64(s.Hits), "hit")
	counter(m.acquires, float64(s.Misses), "miss")
	counter(m.waits, float64(s.WaitCount))
	counter(m.waited, time.Duration(s.WaitDurationNs).Seconds())
	counter(m.refused, float64(s.Timeouts))
	counter(m.stale, float64(s.StaleConns))
}
