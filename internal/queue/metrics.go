package queue

import "github.com/prometheus/client_golang/prometheus"

// metrics are the engine's counters; every process has its own.
type metrics struct {
	enqueued, dispatched, started, crashes *prometheus.CounterVec
	ended                                  *prometheus.CounterVec // by kind and outcome
	lost                                   prometheus.Counter
	wait, run                              *prometheus.HistogramVec
	running                                prometheus.Gauge
}

// From an idle pick-up to a long backlog, and from a no-op to a long generation.
var (
	waitBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800}
	runBuckets  = []float64{.001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800}
)

func newMetrics(reg prometheus.Registerer) *metrics {
	byKind := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"kind"})
	}
	m := &metrics{
		enqueued:   byKind("rohrpost_jobs_enqueued_total", "Jobs that this process committed."),
		dispatched: byKind("rohrpost_jobs_dispatched_total", "Jobs that this process handed to Redis."),
		started:    byKind("rohrpost_jobs_started_total", "Attempts that began in this process."),
		crashes:    byKind("rohrpost_jobs_crashes_total", "Jobs found running on a dead worker."),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "rohrpost_jobs_ended_total",
			Help: "Attempts that ended, by outcome: succeeded, failed, cancelled, retried, snoozed, handed_back, lost.",
		}, []string{"kind", "outcome"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "rohrpost_jobs_lost_total", Help: "Dispatched jobs that Redis had lost and that were dispatched again."}),
		wait: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rohrpost_jobs_wait_seconds", Help: "Time from due to running.", Buckets: waitBuckets}, []string{"kind"}),
		run: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "rohrpost_jobs_run_seconds", Help: "Time from running to the end of the attempt.", Buckets: runBuckets,
		}, []string{"kind"}),
		running: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "rohrpost_jobs_running", Help: "Jobs running in this process."}),
	}
	if reg != nil {
		reg.MustRegister(m.enqueued, m.dispatched, m.started, m.crashes, m.ended, m.lost, m.wait, m.run, m.running)
	}
	return m
}
