package cli

import (
	"context"

	"github.com/spf13/cobra"

	"rohrpost/internal/tracing/otlp"
)

// commonConfig is what every long-running subcommand reads.
type commonConfig struct {
	House   houseConfig
	Metrics metricsConfig
	Tracing otlp.Config
}

// wiring starts the parts of a process and returns.
type wiring func(ctx context.Context, p *process, cfg commonConfig) error

// run makes a long-running subcommand: it reads the settings, own's among them, wires, and goes on until a signal comes
// or a part fails.
func (s shell) run(needs []string, own any, wire wiring) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		var cfg commonConfig
		if err := s.load(needs, &cfg, own); err != nil {
			return err
		}
		s.show(cfg, own)
		return s.supervise(cmd.Context(), func(ctx context.Context, p *process) error {
			if err := p.sendTraces(ctx, cfg.Tracing, cmd.Name()); err != nil {
				return err
			}
			if err := p.serveMetrics(ctx, cfg.Metrics); err != nil {
				return err
			}
			if err := wire(ctx, p, cfg); err != nil {
				return err
			}
			p.log.Info("ready", "process", cmd.Name())
			return nil
		})
	}
}

// supervise runs a process from its start to its orderly end.
func (s shell) supervise(ctx context.Context, start func(ctx context.Context, p *process) error) error {
	p := s.newProcess()
	err := start(ctx, p)
	if err == nil {
		err = p.wait(ctx)
	}
	if ctx.Err() != nil {
		err = nil // told to stop while it was starting, whatever broke off by that
	}
	return p.close(err)
}
