package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/internal/cleanup"
	"rohrpost/internal/cli/terminal"
	"rohrpost/tasks"
)

func (c *console) cleanupCommand() *cobra.Command {
	var args tasks.SweepArgs
	about := about{
		use: "cleanup", short: "Delete what is of no use any more",
		long: "Delete what is of no use any more, as a job. First a dry run counts what that is, and you are asked whether to go on.\n" +
			"It sweeps " + strings.Join(tasks.Sweepable(), ", ") + ".",
		example: "  rohrpost admin cleanup --dry-run\n  rohrpost admin cleanup --only jobs,failed_jobs --yes",
	}
	cmd := about.command()
	cmd.Flags().BoolVar(&args.DryRun, "dry-run", false, "only count")
	cmd.Flags().StringSliceVar(&args.Only, "only", nil, "what to sweep (default: all)")
	sure, noWait := yes(cmd), c.noWait(cmd)
	cmd.RunE = c.run(cmd, about, func(ctx context.Context, h House, _ []string) error {
		if err := args.Check(); err != nil {
			return err
		}
		if !args.DryRun && !*sure {
			if err := c.confirmSweep(ctx, h, args); err != nil {
				return err
			}
		}
		id, err := c.sweep(ctx, h, args)
		if err != nil {
			return err
		}
		return c.see(ctx, h, id, *noWait)
	})
	return cmd
}

// confirmSweep asks whether to delete what a dry run has found.
func (c *console) confirmSweep(ctx context.Context, h House, args tasks.SweepArgs) error {
	const what = "This is deleted for good, and what has come to it meanwhile."
	if !c.screen.Asks || c.screen.JSON {
		return c.screen.Confirm(ctx, false, what)
	}
	args.DryRun = true
	id, err := c.sweep(ctx, h, args)
	if err != nil {
		return err
	}
	if err := c.see(ctx, h, id, false); err != nil {
		return err
	}
	return c.screen.Confirm(ctx, false, what)
}

func (c *console) sweep(ctx context.Context, h House, args tasks.SweepArgs) (uuid.UUID, error) {
	return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
		job, err := cleanup.Ask(ctx, tx, c.by, args)
		return job.ID, err
	})
}

// sweepReading counts the things that are swept, and tells how much of the present one there was.
func sweepReading(rawArgs, progress json.RawMessage) terminal.Reading {
	var args tasks.SweepArgs
	var report cleanup.Report
	if json.Unmarshal(rawArgs, &args) != nil || json.Unmarshal(progress, &report) != nil || len(report.Lines) == 0 {
		return anyReading(progress)
	}
	total := len(args.Only)
	if total == 0 {
		total = len(tasks.Sweepable())
	}
	last := report.Lines[len(report.Lines)-1]
	return terminal.Reading{
		Done: int64(len(report.Lines) - 1), Total: int64(total), Text: fmt.Sprintf("%s: %d", last.What, last.Count),
	}
}

func showSweep(s *terminal.Screen, result json.RawMessage) {
	var report cleanup.Report
	if err := json.Unmarshal(result, &report); err != nil {
		kind{}.showResult(s, result)
		return
	}
	count := "deleted"
	if report.DryRun {
		count = "would be deleted"
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	terminal.Table(s, []terminal.Column[cleanup.Line]{
		{Title: "what", Text: func(l cleanup.Line) string { return l.What }},
		{Title: count, Text: func(l cleanup.Line) string { return number(l.Count) }, Right: true},
		{Title: "storage", Text: func(l cleanup.Line) string { return terminal.Size(l.Bytes) }, Right: true},
		{Title: "to wait", Text: func(l cleanup.Line) string { return number(l.Waiting) }, Right: true},
		{Title: "note", Text: func(l cleanup.Line) string {
			if l.Off {
				return "not swept here"
			}
			return l.Error
		}, Flex: true},
	}, report.Lines)
}
