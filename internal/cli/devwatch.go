package cli

import (
	"context"

	"rohrpost/dashboards"
	"rohrpost/internal/devstack"
)

// watchWith starts a Prometheus of the stack that looks at this process, with the alerts that an operator would have.
func (p *process) watchWith(ctx context.Context, stack *devstack.Stack, tour *tour) error {
	server, err := stack.StartPrometheus(ctx, devstack.PrometheusOptions{
		Targets: map[string][]string{"dev": {p.metricsAt}}, Rules: dashboards.Rules(),
	})
	if err != nil {
		return err
	}
	tour.Prometheus = server.URL()
	p.log.Info("prometheus", "url", server.URL())
	return nil
}
