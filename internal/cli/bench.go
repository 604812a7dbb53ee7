package cli

import (
	"github.com/spf13/cobra"

	"rohrpost/internal/bench"
)

func (s shell) benchCommand() *cobra.Command {
	opts := bench.Options{Out: s.screen.Out, Log: s.log}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure Rohrpost beside what one could pick instead, on private servers",
	}
	flags := cmd.PersistentFlags()
	flags.IntVar(&opts.Runs, "runs", 0, "runs to take the median of (default 5, or 3 with --quick), after one to warm up")
	flags.BoolVar(&opts.Quick, "quick", false, "measure less of everything, for a first impression")
	flags.BoolVar(&opts.JSON, "json", false, "print JSON instead of a table")
	cmd.AddCommand(benchJobs(&opts))
	return cmd
}

func benchJobs(opts *bench.Options) *cobra.Command {
	var jobs bench.JobsOptions
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "The job engine beside raw Asynq, and beside others by --peer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			jobs.Options = *opts
			return bench.Jobs(cmd.Context(), jobs)
		},
	}
	cmd.Flags().IntVar(&jobs.Jobs, "jobs", 0, "jobs of one drain (default 20000, or 5000 with --quick)")
	cmd.Flags().StringArrayVar(&jobs.Peers, "peer", nil,
		"a program that puts another engine on trial, with its arguments; may be repeated")
	return cmd
}
