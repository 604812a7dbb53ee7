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
	cmd.AddCommand(benchJobs(&opts), benchHTTP(&opts), benchStreams(&opts), benchFiles(&opts), benchAI(&opts))
	return cmd
}

func benchJobs(opts *bench.Options) *cobra.Command {
	var jobs bench.JobsOptions
	var observed bool
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "The job engine beside raw Asynq, and beside others by --peer",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			jobs.Options = *opts
			if observed {
				return bench.Observed(cmd.Context(), jobs)
			}
			return bench.Jobs(cmd.Context(), jobs)
		},
	}
	cmd.Flags().BoolVar(&observed, "observed", false, "only drain, with and without metrics and traces: what these cost")
	cmd.Flags().IntVar(&jobs.Jobs, "jobs", 0, "jobs of one drain (default 20000, or 5000 with --quick)")
	cmd.Flags().IntVar(&jobs.Finished, "finished", 0, "jobs of our engine that ended before, and are still on record")
	cmd.Flags().StringArrayVar(&jobs.Peers, "peer", nil,
		"a program that puts another engine on trial, with its arguments; may be repeated")
	return cmd
}

func benchHTTP(opts *bench.Options) *cobra.Command {
	var http bench.HTTPOptions
	cmd := &cobra.Command{
		Use:   "http",
		Short: "The way from a POST to its 202, and to its result on the event stream",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			http.Options = *opts
			return bench.HTTP(cmd.Context(), http)
		},
	}
	cmd.Flags().IntVar(&http.Rate, "rate", 0, "requests a second (default 1000)")
	return cmd
}

func benchStreams(opts *bench.Options) *cobra.Command {
	var streams bench.StreamsOptions
	cmd := &cobra.Command{
		Use:   "streams",
		Short: "Many open event streams on one api process: memory, fan-out, token relay, replay",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			streams.Options = *opts
			return bench.Streams(cmd.Context(), streams)
		},
	}
	cmd.Flags().IntVar(&streams.Streams, "streams", 0, "open at once (default 10000, or 1000 with --quick)")
	return cmd
}

func benchFiles(opts *bench.Options) *cobra.Command {
	var files bench.FilesOptions
	cmd := &cobra.Command{
		Use:   "files",
		Short: "Uploads, scans and thumbnails, beside go-clamd alone and vipsthumbnail",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			files.Options = *opts
			return bench.Files(cmd.Context(), files)
		},
	}
	cmd.Flags().IntVar(&files.Files, "files", 0, "files of one run (default 100, or 20 with --quick)")
	cmd.Flags().IntVar(&files.Images, "images", 0, "images of one run (default 20, or 4 with --quick)")
	return cmd
}

func benchAI(opts *bench.Options) *cobra.Command {
	var ai bench.AIOptions
	cmd := &cobra.Command{
		Use:   "ai",
		Short: "Time to the first token and tokens a second, beside Ollama called directly",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ai.Options = *opts
			return bench.AI(cmd.Context(), ai)
		},
	}
	cmd.Flags().IntVar(&ai.Questions, "questions", 0, "questions of one run (default 20, or 5 with --quick)")
	return cmd
}
