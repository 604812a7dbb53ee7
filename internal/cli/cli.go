package cli

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rohrpost/internal/config"
)

// shell is what a subcommand has of the outside.
type shell struct {
	env config.Env
	out io.Writer // for what was asked for; everything else goes to the log
	log *slog.Logger
}

// Main runs the subcommand that args name and returns the exit code.
func Main(args []string, stdout, stderr *os.File) int {
	env, terminal := config.OS(), term.IsTerminal(int(stderr.Fd()))
	log, err := newLog(stderr, terminal, env["LOG_LEVEL"])
	if err != nil {
		complain(stderr, terminal, err)
		return 1
	}
	redis.SetLogger(redisLog{log})
	ctx, stop := untilSignal(context.Background(), log, func() { os.Exit(exitForced) })
	defer stop()
	root := shell{env: env, out: stdout, log: log}.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		complain(stderr, terminal, err)
		return 1
	}
	return 0
}

func (s shell) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "rohrpost",
		Short: "Team chat with files and an AI assistant, built around a durable job queue",
		// An error is told once, by Main, and a page of usage below it would only hide it.
		SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(s.devCommand(), s.apiCommand(), s.workerCommand(), s.schedulerCommand(), s.migrateCommand(),
		s.adminCommand(), s.benchCommand(), s.versionCommand())
	return root
}

// load reads the settings of the packages that a process wires. An unset variable of required is an error that names it.
func (s shell) load(required []string, targets ...any) error {
	if err := s.env.Require(required...); err != nil {
		return err
	}
	return s.env.Load(targets...)
}

// show prints settings, once, at the start of a process.
func (s shell) show(targets ...any) {
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "settings", config.Describe(targets...)...)
}
