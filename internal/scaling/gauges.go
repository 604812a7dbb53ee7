package scaling

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// gauges shows the advice, asked of PostgreSQL at each scrape. All schedulers show the same: take the maximum.
type gauges struct {
	service              *Service
	slo, desired, living *prometheus.Desc
}

// RegisterGauges shows how many workers there should be, and how long jobs may wait. The schedulers do it.
func (s *Service) RegisterGauges(reg prometheus.Registerer) {
	reg.MustRegister(&gauges{
		service: s,
		slo: prometheus.NewDesc("rohrpost_queue_wait_slo_seconds", "How long the jobs of a queue may wait for a worker.",
			[]string{"queue"}, nil),
		desired: prometheus.NewDesc("rohrpost_workers_desired", "Workers that a group should have.", []string{"group"}, nil),
		living:  prometheus.NewDesc("rohrpost_workers_living", "Living workers of a group.", []string{"group"}, nil),
	})
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(ch chan<- *prometheus.Desc) { ch <- g.slo; ch <- g.desired; ch <- g.living }

// Collect implements prometheus.Collector. While PostgreSQL is away it is an error, which the scrape tells.
func (g *gauges) Collect(ch chan<- prometheus.Metric) {
	for queue, slo := range g.service.plan.slo {
		ch <- prometheus.MustNewConstMetric(g.slo, prometheus.GaugeValue, slo.Seconds(), queue)
	}
	advice, err := g.service.Advice(context.Background())
	if err != nil {
		ch <- prometheus.NewInvalidMetric(g.desired, err)
		return
	}
	for _, of := range advice.Groups {
		ch <- prometheus.MustNewConstMetric(g.desired, prometheus.GaugeValue, float64(of.Desired), of.Group)
		ch <- prometheus.MustNewConstMetric(g.living, prometheus.GaugeValue, float64(of.Living), of.Group)
	}
}
