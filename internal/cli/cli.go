package cli

import (
	"context"
	"log/slog"
	"os"
	"slices"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/config"
)

// shell is what a subcommand has of the outside.
type shell struct {
	env    config.Env
	screen *terminal.Screen // for what was asked for; what happens meanwhile goes to the log
	log    *slog.Logger
}

// Main runs the subcommand that args name and returns the exit code, see [terminal].
func Main(args []string, stdout, stderr *os.File) int {
	env, onTerminal := config.OS(), term.IsTerminal(int(stderr.Fd()))
	log, err := newLog(stderr, onTerminal, env.Or("LOG_LEVEL", usualLevel(args)))
	if err != nil {
		complain(stderr, onTerminal, err)
		return terminal.Failure
	}
	redis.SetLogger(redisLog{log})
	ctx, stop := untilSignal(context.Background(), log, func() { os.Exit(terminal.Interrupted) })
	defer stop()
	s := shell{env: env, screen: terminal.New(os.Stdin, stdout, stderr), log: log}
	return s.execute(ctx, args, func(err error) { complain(stderr, onTerminal, err) })
}

// execute runs a subcommand. Why it failed goes to complain, or to the screen where somebody looks at that.
func (s shell) execute(ctx context.Context, args []string, complain func(error)) int {
	root := s.root()
	root.SetArgs(args)
	root.SetOut(s.screen.Out)
	root.SetErr(s.screen.Err)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
	case forAdmins(args):
		s.screen.JSON = slices.Contains(args, "--json") // also where the flags could not be read
		s.screen.Complain(err)
	default:
		complain(err)
	}
	return terminal.ExitCode(err)
}

func (s shell) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "rohrpost",
		Short: "Team chat with files and an AI assistant, built around a durable job queue",
		// An error is told once, by Main, and a page of usage below it would only hide it.
		SilenceErrors: true, SilenceUsage: true,
	}
	root.AddCommand(s.devCommand(), s.apiCommand(), s.workerCommand(), s.schedulerCommand(), s.migrateCommand(),
		s.scaleCommand(), s.adminCommand(), s.restoreCommand(), s.benchCommand(), s.chaosCommand(), s.versionCommand())
	strict(root)
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
