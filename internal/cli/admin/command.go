package admin

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/db"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/fault"
)

// about is what every command says of itself.
type about struct {
	use, short, long, example string
	args                      cobra.PositionalArgs // nil takes none
	needs                     Needs
	// ask is what will happen, for a command that can't be undone: it asks first, or is told --yes.
	ask func(args []string) string
}

// command makes the part that is the same for all.
func (a about) command() *cobra.Command {
	args := a.args
	if args == nil {
		args = cobra.NoArgs
	}
	return &cobra.Command{Use: a.use, Short: a.short, Long: a.long, Example: a.example, Args: args}
}

// group makes a command that only has others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.AddCommand(commands...)
	return cmd
}

// action is a command that shows or changes one thing, a T.
type action[T any] struct {
	about
	flags func(cmd *cobra.Command)
	do    func(ctx context.Context, h House, args []string) (T, error)
	show  func(T) // to people; programs get the T
}

func (a action[T]) command(c *console) *cobra.Command {
	cmd := a.about.command()
	if a.flags != nil {
		a.flags(cmd)
	}
	cmd.RunE = c.run(cmd, a.about, func(ctx context.Context, h House, args []string) error {
		outcome, err := a.do(ctx, h, args)
		if err != nil {
			return err
		}
		if c.screen.JSON {
			return c.screen.Document(outcome)
		}
		a.show(outcome)
		return nil
	})
	return cmd
}

// start is a command that starts a job and follows it.
type start struct {
	about
	flags func(cmd *cobra.Command)
	start func(ctx context.Context, h House, args []string) (job uuid.UUID, err error)
}

func (s start) command(c *console) *cobra.Command {
	cmd := s.about.command()
	if s.flags != nil {
		s.flags(cmd)
	}
	noWait := c.noWait(cmd)
	cmd.RunE = c.run(cmd, s.about, func(ctx context.Context, h House, args []string) error {
		job, err := s.start(ctx, h, args)
		if err != nil {
			return err
		}
		return c.see(ctx, h, job, *noWait)
	})
	return cmd
}

// noWait adds the flag to leave a job alone.
func (c *console) noWait(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("no-wait", false, "don't follow the job, print its id")
}

// yes adds the flag to be asked nothing.
func yes(cmd *cobra.Command) *bool {
	return cmd.Flags().BoolP("yes", "y", false, "don't ask, do it")
}

// run opens what a command needs, asks what has to be asked, and closes everything afterwards.
func (c *console) run(cmd *cobra.Command, a about, fn func(ctx context.Context, h House, args []string) error) func(
	*cobra.Command, []string) error {
	var sure *bool
	if a.ask != nil {
		sure = yes(cmd)
	}
	return func(cmd *cobra.Command, args []string) (err error) {
		ctx := cmd.Context()
		if a.ask != nil {
			if err := c.screen.Confirm(ctx, *sure, "%s", a.ask(args)); err != nil {
				return interrupted(ctx, err)
			}
		}
		h, closeHouse, err := c.wire(ctx, a.needs)
		if err != nil {
			return interrupted(ctx, err)
		}
		return errors.Join(interrupted(ctx, fn(ctx, h, args)), closeHouse())
	}
}

// interrupted tells an error that comes of Ctrl-C from all others.
func interrupted(ctx context.Context, err error) error {
	var told terminal.Problem
	if err == nil || ctx.Err() == nil || errors.As(err, &told) {
		return err
	}
	return terminal.Problem{Code: string(fault.Cancelled), Message: "Interrupted.", Exit: terminal.Interrupted}
}

// inTx runs a change in a transaction of its own.
func inTx[T any](ctx context.Context, h House, fn func(tx pgx.Tx) (T, error)) (out T, err error) {
	err = db.InTx(ctx, h.Pool, func(tx pgx.Tx) (err error) {
		out, err = fn(tx)
		return err
	})
	return out, err
}

// idOf reads an id that was typed.
func idOf(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, terminal.Misused("%q is no id.", text)
	}
	return id, nil
}

// value is what a pointer points to, and the zero value for nil.
func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// given is a flag that was given, and nil for one that wasn't.
func given[T any](cmd *cobra.Command, flag string, value *T) *T {
	if cmd.Flags().Changed(flag) {
		return value
	}
	return nil
}

// all makes what the API shows of everything that was found.
func all[T, V any](show func(T) V) func(found []T, err error) ([]V, error) {
	return func(found []T, err error) ([]V, error) {
		shown := make([]V, len(found))
		for i, one := range found {
			shown[i] = show(one)
		}
		return shown, err
	}
}
