package db

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// serverMetrics shows the database server as it sees itself, asked at each scrape. All processes would show the same.
type serverMetrics struct {
	pool *Pool

	connections, most, pages, size, deadlocks *prometheus.Desc
}

// RegisterGauges shows how the database server stands. The schedulers do it.
func (p *Pool) RegisterGauges(reg prometheus.Registerer) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("rohrpost_db_server_"+name, help, labels, nil)
	}
	reg.MustRegister(&serverMetrics{
		pool:        p,
		connections: desc("connections", "Connections of all clients to the server."),
		most:        desc("max_connections", "The most that it takes."),
		pages:       desc("pages_total", "Pages of our database that were read, by where from: memory, disk.", "from"),
		size:        desc("bytes", "What our database takes on its disk."),
		deadlocks:   desc("deadlocks_total", "Deadlocks in our database."),
	})
}

// Describe implements prometheus.Collector.
func (m *serverMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.connections, m.most, m.pages, m.size, m.deadlocks} {
		ch <- d
	}
}

const serverQuery = `-- name: ServerState :one
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
	current_setting('max_connections')::int, blks_hit, blks_read, pg_database_size(datname), deadlocks
FROM pg_stat_database
WHERE datname = current_database()`

// Collect implements prometheus.Collector. While PostgreSQL is away it is an error, which the scrape tells.
func (m *serverMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), pingTimeout)
	defer cancel()
	var connections, most, hit, read, size, deadlocks int64
	row := m.pool.QueryRow(ctx, serverQuery)
	if err := row.Scan(&connections, &most, &hit, &read, &size, &deadlocks); err != nil {
		ch <- prometheus.NewInvalidMetric(m.connections, err)
		return
	}
	show := func(d *prometheus.Desc, kind prometheus.ValueType, n int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, float64(n), labels...)
	}
	show(m.connections, prometheus.GaugeValue, connections)
	show(m.most, prometheus.GaugeValue, most)
	show(m.pages, prometheus.CounterValue, hit, "memory")
	show(m.pages, prometheus.CounterValue, read, "disk")
	show(m.size, prometheus.GaugeValue, size)
	show(m.deadlocks, prometheus.CounterValue, deadlocks)
}
