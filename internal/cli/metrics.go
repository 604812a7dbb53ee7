package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsTimeout bounds reading a request and writing the page; a scraper is a machine nearby.
const metricsTimeout = 10 * time.Second

// metricsConfig says where the metrics are shown.
type metricsConfig struct {
	// Addr is an address for operators only: whoever reaches it reads everything. Unset, metrics are not shown.
	Addr string `env:"METRICS_ADDR"`
}

// registry is where a process keeps its metrics.
type registry interface {
	prometheus.Registerer
	prometheus.Gatherer
}

func newRegistry() registry {
	all := prometheus.NewRegistry()
	registerOwn(all)
	return all
}

// registerOwn registers what a process shows of itself.
func registerOwn(reg prometheus.Registerer) {
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "rohrpost_build_info", Help: "Always 1; the labels tell what the process was built from.",
		ConstLabels: prometheus.Labels{"version": Version(), "go": runtime.Version()},
	})
	build.Set(1)
	reg.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(), build,
	)
}

// queueWeights shows which queues a worker serves.
func queueWeights(weights map[string]int) prometheus.Collector {
	shown := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "rohrpost_worker_queue_weight", Help: "The queues that this worker serves, with their weights."}, []string{"queue"})
	for queue, weight := range weights {
		shown.WithLabelValues(queue).Set(float64(weight))
	}
	return shown
}

// serveMetrics shows registry at /metrics until the process closes.
func (p *process) serveMetrics(ctx context.Context, cfg metricsConfig) error {
	if cfg.Addr == "" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("METRICS_ADDR: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{
		Registry: p.registry, EnableOpenMetrics: true, // for the exemplars
		// While PostgreSQL is away the figures that it would tell are missing; all others are needed most then.
		ErrorHandling: promhttp.ContinueOnError, ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}))
	server := &http.Server{
		Handler: mux, ReadTimeout: metricsTimeout, WriteTimeout: metricsTimeout,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	}
	p.serve("metrics", func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	p.onClose("metrics", server.Shutdown)
	p.metricsAt = listener.Addr().String()
	p.log.Info("metrics", "url", "http://"+p.metricsAt+"/metrics")
	return nil
}
