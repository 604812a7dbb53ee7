package queue

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/db"
)

// gauges shows the queues as PostgreSQL has them, asked at each scrape. All schedulers show the same: take the maximum,
// not the sum.
type gauges struct {
	engine                                   *Engine
	jobs, oldest, slots, alive, paused, dead *prometheus.Desc
}

// RegisterGauges shows depth and age of the queues and the workers' slots. The schedulers do it.
func (e *Engine) RegisterGauges(reg prometheus.Registerer) {
	reg.MustRegister(&gauges{
		engine: e,
		jobs: prometheus.NewDesc("rohrpost_queue_jobs", "Unfinished jobs by queue and state: queued, parked, running.",
			[]string{"queue", "state"}, nil),
		oldest: prometheus.NewDesc("rohrpost_queue_oldest_seconds", "How long the oldest waiting job has been due.",
			[]string{"queue"}, nil),
		slots: prometheus.NewDesc("rohrpost_queue_slots", "Jobs that the living workers can run at once, by queue.",
			[]string{"queue"}, nil),
		alive: prometheus.NewDesc("rohrpost_workers", "Living worker processes.", nil, nil),
		dead: prometheus.NewDesc("rohrpost_queue_dead_jobs", "Jobs that failed for good and that nobody has discarded.",
			[]string{"queue"}, nil),
		paused: prometheus.NewDesc("rohrpost_queue_paused", "1 for each queue that is paused.", []string{"queue"}, nil),
	})
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.jobs, g.oldest, g.slots, g.alive, g.paused, g.dead} {
		ch <- d
	}
}

// Collect implements prometheus.Collector. While PostgreSQL is away it shows nothing.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), statementTimeout)
	defer cancel()
	q, pool := db.New(), g.engine.pool
	counts, err := q.JobCountsByQueue(ctx, pool)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(g.jobs, err)
		return
	}
	type series struct{ queue, state string }
	jobs, oldest := map[series]float64{}, map[string]float64{}
	for _, c := range counts {
		state := c.Place
		if state == placeDispatched || state == placeDelayed { // the record's state is the same
			state = Queued
		}
		jobs[series{c.Queue, state}] += float64(c.Jobs)
		if state != Running {
			oldest[c.Queue] = max(oldest[c.Queue], time.Since(c.Oldest).Seconds())
		}
	}
	for s, n := range jobs {
		ch <- prometheus.MustNewConstMetric(g.jobs, prometheus.GaugeValue, n, s.queue, s.state)
	}
	for queue, age := range oldest {
		ch <- prometheus.MustNewConstMetric(g.oldest, prometheus.GaugeValue, age, queue)
	}
	pauses, err := q.QueuePauses(ctx, pool)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(g.paused, err)
		return
	}
	for _, pause := range pauses {
		ch <- prometheus.MustNewConstMetric(g.paused, prometheus.GaugeValue, 1, pause.Queue)
	}
	failures, err := q.FailuresByQueue(ctx, pool)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(g.dead, err)
		return
	}
	for _, f := range failures {
		if f.Span == "dead" {
			ch <- prometheus.MustNewConstMetric(g.dead, prometheus.GaugeValue, float64(f.Jobs), f.Queue)
		}
	}
	capacity, err := q.CapacityByQueue(ctx, pool)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(g.slots, err)
		return
	}
	for _, c := range capacity {
		ch <- prometheus.MustNewConstMetric(g.slots, prometheus.GaugeValue, float64(c.Slots), c.Queue)
	}
	workers, err := q.Workers(ctx, pool)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(g.alive, err)
		return
	}
	ch <- prometheus.MustNewConstMetric(g.alive, prometheus.GaugeValue, float64(len(workers)))
}
