package cli

import (
	"github.com/spf13/cobra"

	"rohrpost/internal/bench"
)

func (s shell) benchCommand() *cobra.Command {
	opts := bench.Options{Out: s.screen.Out}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the job engine beside raw Asynq, on private servers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return bench.Jobs(cmd.Context(), opts, s.log)
		},
	}
	cmd.Flags().IntVar(&opts.Runs, "runs", 0, "runs to take the median of (default 5, after one to warm up)")
	cmd.Flags().IntVar(&opts.Jobs, "jobs", 0, "jobs of one run (default 5000)")
	cmd.Flags().BoolVar(&opts.JSON, "json", false, "print JSON instead of a table")
	return cmd
}
