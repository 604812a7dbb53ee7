package admin

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/audit"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/reports"
	"rohrpost/tasks"
)

func (c *console) reportsCommand() *cobra.Command {
	return group("reports", "Build reports of what was used", c.buildReport(), c.listReports())
}

func (c *console) buildReport() *cobra.Command {
	var owner string
	wanted := reports.Wanted{}
	return start{
		about: about{
			use: "build", short: "Build a report, as files of the account that it is for", needs: Whole,
			example: "  rohrpost admin reports build --for ada@example.org --from 2026-01-01 --to 2026-02-01 --format html",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&owner, "for", "", "whose it is, by id or address (needed); about everyone, an administrator's")
			cmd.Flags().StringVar(&wanted.From, "from", "", "the beginning, a day or a time")
			cmd.Flags().StringVar(&wanted.To, "to", "", "the end, a day or a time, which does not belong to it")
			cmd.Flags().StringVar(&wanted.Zone, "zone", "", "the time zone whose days are counted, by its IANA name (default UTC)")
			cmd.Flags().StringVar(&wanted.Scope, "scope", reports.Everyone, "about whom: everyone or mine, which is the account")
			cmd.Flags().StringSliceVar(&wanted.Formats, "format", nil, strings.Join(tasks.ReportFormats(), ", ")+" (default: all)")
		},
		start: func(ctx context.Context, h House, _ []string) (uuid.UUID, error) {
			if owner == "" {
				return uuid.Nil, terminal.Misused("Say whose it is: --for EMAIL.")
			}
			user, err := h.Accounts.Find(ctx, owner)
			if err != nil {
				return uuid.Nil, err
			}
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				report, err := h.Reports.Request(ctx, tx, user.ID, wanted)
				if err != nil {
					return uuid.Nil, err
				}
				return report.JobID, audit.Record(ctx, tx, c.by, audit.Entry{
					Action: "report.build", Target: report.ID.String(), Detail: map[string]string{"for": user.Email, "scope": report.Scope},
				})
			})
		},
	}.command(c)
}

func (c *console) listReports() *cobra.Command {
	var owner string
	return list[api.Report]{
		about: about{use: "list", short: "List the reports of an account, the newest first", needs: Whole},
		flags: func(cmd *cobra.Command) { cmd.Flags().StringVar(&owner, "for", "", "whose, by id or address (needed)") },
		page: func(ctx context.Context, h House, _ []string, p page) ([]api.Report, error) {
			before, err := p.id()
			if err != nil {
				return nil, err
			}
			if owner == "" {
				return nil, terminal.Misused("Say whose they are: --for EMAIL.")
			}
			user, err := h.Accounts.Find(ctx, owner)
			if err != nil {
				return nil, err
			}
			return all(api.ShownReport)(h.Reports.List(ctx, user.ID, before, p.limit))
		},
		cursor: func(r api.Report) string { return r.ID.String() },
		columns: []terminal.Column[api.Report]{
			{Title: "id", Text: func(r api.Report) string { return r.ID.String() }},
			{Title: "state", Text: func(r api.Report) string { return r.State }},
			{Title: "scope", Text: func(r api.Report) string { return r.Scope }},
			{Title: "from", Text: func(r api.Report) string { return c.screen.When(r.From) }},
			{Title: "to", Text: func(r api.Report) string { return c.screen.When(r.To) }},
			{Title: "files", Text: func(r api.Report) string { return fmt.Sprint(len(r.Files)) }, Right: true},
			{Title: "error", Text: func(r api.Report) string {
				if r.Error == nil {
					return ""
				}
				return r.Error.Code + ": " + r.Error.Message
			}, Flex: true},
		},
	}.command(c)
}
