package admin

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/files"
	"rohrpost/tasks"
)

func (c *console) quarantineCommand() *cobra.Command {
	return group("quarantine", "Look after files that the scanner closed",
		c.listQuarantine(), c.showQuarantined(), c.releaseQuarantined(), c.deleteQuarantined(), c.rescan())
}

func (c *console) listQuarantine() *cobra.Command {
	var filter files.QuarantineFilter
	var owner, signature string
	return list[api.QuarantinedFile]{
		about: about{use: "list", short: "List the files that are closed, the newest first", needs: Whole},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&filter.Status, "status", "", "only these: quarantined, refused, failed or released")
			cmd.Flags().StringVar(&owner, "owner", "", "only files of the account with this id or address")
			cmd.Flags().StringVar(&signature, "signature", "", "only files in which the scanner found this")
		},
		page: func(ctx context.Context, h House, _ []string, p page) ([]api.QuarantinedFile, error) {
			var err error
			if filter.Before, err = p.id(); err != nil {
				return nil, err
			}
			filter.Signature, filter.Limit = some(signature), p.limit
			if owner != "" {
				user, err := h.Accounts.Find(ctx, owner)
				if err != nil {
					return nil, err
				}
				filter.Owner = &user.ID
			}
			return all(api.ShownQuarantined)(h.Files.Quarantine(ctx, filter))
		},
		cursor: func(f api.QuarantinedFile) string { return f.ID.String() },
		columns: []terminal.Column[api.QuarantinedFile]{
			{Title: "id", Text: func(f api.QuarantinedFile) string { return f.ID.String() }},
			{Title: "status", Text: func(f api.QuarantinedFile) string { return f.Status }},
			{Title: "found", Text: foundIn, Flex: true},
			{Title: "name", Text: func(f api.QuarantinedFile) string { return f.Name }, Flex: true},
			{Title: "size", Text: func(f api.QuarantinedFile) string { return terminal.Size(f.Size) }, Right: true},
			{Title: "owner", Text: func(f api.QuarantinedFile) string { return f.Owner.Email }, Flex: true},
			{Title: "created", Text: func(f api.QuarantinedFile) string { return c.screen.When(f.CreatedAt) }},
		},
	}.command(c)
}

// foundIn is what the scanner has against a file.
func foundIn(f api.QuarantinedFile) string {
	if f.Signature != nil {
		return *f.Signature
	}
	return value(f.Verdict)
}

func (c *console) showQuarantined() *cobra.Command {
	return action[api.QuarantinedFile]{
		about: about{use: "show ID", short: "Show a file and what became of it, never its content", args: cobra.ExactArgs(1), needs: Whole},
		do: func(ctx context.Context, h House, args []string) (api.QuarantinedFile, error) {
			id, err := idOf(args[0])
			if err != nil {
				return api.QuarantinedFile{}, err
			}
			found, err := h.Files.Inspect(ctx, id)
			return api.ShownInspected(found), err
		},
		show: func(f api.QuarantinedFile) {
			history := ""
			for _, e := range value(f.History) {
				history += fmt.Sprintf("%s  %s  %s  %s\n", c.screen.When(e.At), e.Event, value(e.By), value(e.Reason))
			}
			c.screen.Fields(
				terminal.Field{Title: "id", Value: f.ID.String()},
				terminal.Field{Title: "name", Value: f.Name},
				terminal.Field{Title: "owner", Value: f.Owner.Email + " " + f.Owner.ID.String()},
				terminal.Field{Title: "size", Value: terminal.Size(f.Size)},
				terminal.Field{Title: "type", Value: f.MediaType},
				terminal.Field{Title: "sha256", Value: f.Sha256},
				terminal.Field{Title: "status", Value: f.Status},
				terminal.Field{Title: "verdict", Value: value(f.Verdict)},
				terminal.Field{Title: "signature", Value: value(f.Signature)},
				terminal.Field{Title: "reason", Value: value(f.Reason)},
				terminal.Field{Title: "created", Value: c.screen.When(f.CreatedAt)},
				terminal.Field{Title: "checked", Value: c.screen.WhenOr(f.CheckedAt, "")},
				terminal.Field{Title: "history", Value: history},
			)
		},
	}.command(c)
}

func (c *console) releaseQuarantined() *cobra.Command {
	var reason string
	return start{
		about: about{
			use: "release ID", short: "Open a file against its verdict", args: cobra.ExactArgs(1), needs: Whole,
			ask: func(args []string) string {
				return fmt.Sprintf("The file %s can be opened by its owner, whatever the scanner found in it.", args[0])
			},
		},
		flags: func(cmd *cobra.Command) { cmd.Flags().StringVar(&reason, "reason", "", "why (needed)") },
		start: func(ctx context.Context, h House, args []string) (uuid.UUID, error) {
			id, err := idOf(args[0])
			if err != nil {
				return id, err
			}
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				job, err := h.Files.AskRelease(ctx, tx, c.by, id, reason)
				return job.ID, err
			})
		},
	}.command(c)
}

func (c *console) deleteQuarantined() *cobra.Command {
	var reason string
	return action[deleted]{
		about: about{
			use: "delete ID", short: "Delete a file that is closed", args: cobra.ExactArgs(1), needs: Whole,
			ask: func(args []string) string {
				return fmt.Sprintf("The file %s is deleted for good, and its owner is told.", args[0])
			},
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&reason, "reason", "", "why, for its owner and the audit log")
		},
		do: func(ctx context.Context, h House, args []string) (deleted, error) {
			id, err := idOf(args[0])
			if err != nil {
				return deleted{}, err
			}
			return deleted{args[0]}, h.Files.Remove(ctx, c.by, id, reason)
		},
		show: func(d deleted) { c.screen.Say("The file %s is gone.", d.Deleted) },
	}.command(c)
}

func (c *console) rescan() *cobra.Command {
	var args tasks.RescanArgs
	return start{
		about: about{
			use: "rescan [ID]", short: "Scan one file again, or all that need it", args: cobra.MaximumNArgs(1), needs: Whole,
			example: "  rohrpost admin quarantine rescan --dry-run\n  rohrpost admin quarantine rescan --only quarantined,refused --all",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().BoolVar(&args.DryRun, "dry-run", false, "only count")
			cmd.Flags().BoolVar(&args.All, "all", false, "also what was scanned with the present signatures")
			cmd.Flags().StringSliceVar(&args.Only, "only", nil, "only files with this status: quarantined, refused, failed, clean")
		},
		start: func(ctx context.Context, h House, words []string) (uuid.UUID, error) {
			if len(words) > 0 {
				id, err := idOf(words[0])
				if err != nil {
					return id, err
				}
				args.FileID = &id
			}
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				job, err := h.Files.AskRescan(ctx, tx, c.by, args)
				return job.ID, err
			})
		},
	}.command(c)
}

func rescanReading(_, progress json.RawMessage) terminal.Reading {
	var r files.RescanReport
	if err := json.Unmarshal(progress, &r); err != nil || r.Files == 0 {
		return anyReading(progress)
	}
	return terminal.Reading{Done: r.Checked + r.Failed, Total: r.Files, Text: "scanning"}
}
