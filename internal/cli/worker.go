package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func (s shell) workerCommand() *cobra.Command {
	var queues string
	var concurrency int
	cmd := &cobra.Command{
		Use:     "worker",
		Short:   "Run jobs of all queues or of some; any number may run",
		Example: "  rohrpost worker --queues files=4,ai=2 --concurrency 8",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&queues, "queues", "", "queues to serve, with their weights (default: all)")
	cmd.Flags().IntVar(&concurrency, "concurrency", 0, "jobs that run at once (default: WORKER_CONCURRENCY, or 16)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		weights, err := parseQueues(queues)
		if err != nil {
			return err
		}
		needs := slices.Clone(houseNeeds)
		if weights[tasks.Files] > 0 {
			needs = append(needs, "CLAMD_ADDRESS")
		}
		var own queue.RunnerConfig
		return s.run(needs, &own, func(ctx context.Context, p *process, cfg commonConfig) error {
			own.Queues = weights
			if concurrency > 0 {
				own.Concurrency = concurrency
			}
			cfg.House.DB = cfg.House.DB.ForWorker()
			h, err := p.openHouse(ctx, cfg.House)
			if err != nil {
				return err
			}
			return p.startWorker(ctx, h, own)
		})(cmd, args)
	}
	return cmd
}
