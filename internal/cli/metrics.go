package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
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

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collectors.NewBuildInfoCollector(),
	)
	return registry
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
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{Registry: p.registry}))
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
	p.log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	return nil
}
