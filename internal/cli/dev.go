package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// devOptions are what dev starts beside what is needed.
type devOptions struct {
	tinyModel  bool
	prometheus bool
}

func (s shell) devCommand() *cobra.Command {
	var opts devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything in one process, on private servers in DATA_DIR (./.dev)",
		Long: "Run everything in one process: migrate, api, worker, scheduler. What DATABASE_URL, REDIS_URL, CLAMD_ADDRESS,\n" +
			"BLOB_URL and OLLAMA_HOST do not name is started on private servers, or kept, in DATA_DIR (./.dev).",
		Args: cobra.NoArgs,
	}
	cmd.Flags().BoolVar(&opts.tinyModel, "tiny-model", false,
		"answer AI questions with a tiny model on a real Ollama, as the tests do (`make ollama` builds it)")
	cmd.Flags().BoolVar(&opts.prometheus, "prometheus", false,
		"have a private Prometheus look at it, with our alerts")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return s.supervise(cmd.Context(), func(ctx context.Context, p *process) error { return p.dev(ctx, opts) })
	}
	return cmd
}
