package cli

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"rohrpost/internal/chaos"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func (s shell) chaosCommand() *cobra.Command {
	opts := chaos.Options{Out: s.screen.Out}
	cmd := &cobra.Command{
		Use:   "chaos",
		Short: "Break a private Rohrpost in every way there is, and check that nothing is lost or done twice",
		Example: "  rohrpost chaos --for 2m\n" +
			"  rohrpost chaos --for 25m --jobs 1000000\n" +
			"  rohrpost chaos --seed 42 --for 1h --faults worker-kill,network-cut",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return chaos.Run(cmd.Context(), opts, s.log) },
	}
	cmd.Flags().Uint64Var(&opts.Seed, "seed", 0, "chooses faults and work; the same seed, the same choice (default: by random)")
	cmd.Flags().DurationVar(&opts.For, "for", 0, "how long one fault follows the other, each once at least (default 2m)")
	cmd.Flags().Int64Var(&opts.Jobs, "jobs", 0, "jobs to be accepted at least, spread over that time (default: 50 a second)")
	cmd.Flags().StringSliceVar(&opts.Faults, "faults", nil,
		"kinds of faults, in this order (default, shuffled: "+strings.Join(chaos.FaultNames(), ", ")+")")
	cmd.Flags().StringVar(&opts.Dir, "dir", "", "keep data and logs in this folder (default: a temporary one)")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print JSON instead of tables")
	cmd.AddCommand(s.chaosWorkerCommand())
	return cmd
}

// chaosWorkerCommand is the worker that a run starts: one that knows the run's own kind of job beside all others.
func (s shell) chaosWorkerCommand() *cobra.Command {
	var own queue.RunnerConfig
	return &cobra.Command{
		Use: "worker", Hidden: true, Args: cobra.NoArgs,
		RunE: s.run(append(slices.Clone(houseNeeds), "CLAMD_ADDRESS"), &own, func(ctx context.Context, p *process, cfg commonConfig) error {
			own.Queues = maps.Clone(tasks.DefaultWeights())
			own.Queues[chaos.Queue] = own.Queues[tasks.Files]
			h, err := p.openHouse(ctx, cfg.House)
			if err != nil {
				return err
			}
			return p.startWorker(ctx, h, own, func(mux *queue.Mux) { chaos.Bind(mux, h.pool) })
		}),
	}
}
