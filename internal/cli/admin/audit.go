package admin

import (
	"context"

	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/audit"
	"rohrpost/internal/cli/terminal"
)

func (c *console) auditCommand() *cobra.Command {
	var action, target, actor string
	return list[api.AuditEntry]{
		about: about{
			use: "audit", short: "Show what administrators changed, the newest first",
			example: "  rohrpost admin audit --action schedule.pause\n  rohrpost admin audit --actor ada@example.org --json",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&action, "action", "", "only these changes, such as user.promote")
			cmd.Flags().StringVar(&target, "target", "", "only changes of the thing with this id or name")
			cmd.Flags().StringVar(&actor, "actor", "", "only changes by the account with this id or address")
		},
		page: func(ctx context.Context, h House, _ []string, p page) ([]api.AuditEntry, error) {
			before, err := p.id()
			if err != nil {
				return nil, err
			}
			filter := audit.Filter{Action: some(action), Target: some(target), Before: before, Limit: p.limit}
			if actor != "" {
				user, err := h.Accounts.Find(ctx, actor)
				if err != nil {
					return nil, err
				}
				filter.Actor = &user.ID
			}
			return all(api.ShownEntry)(audit.List(ctx, h.Pool, filter))
		},
		cursor: func(e api.AuditEntry) string { return e.ID.String() },
		columns: []terminal.Column[api.AuditEntry]{
			{Title: "when", Text: func(e api.AuditEntry) string { return c.screen.When(e.At) }},
			{Title: "who", Text: func(e api.AuditEntry) string { return e.ActorName }, Flex: true},
			{Title: "action", Text: func(e api.AuditEntry) string { return e.Action }},
			{Title: "target", Text: func(e api.AuditEntry) string { return e.Target }},
			{Title: "reason", Text: func(e api.AuditEntry) string { return e.Reason }, Flex: true},
			{Title: "detail", Text: func(e api.AuditEntry) string { return terminal.Flat(e.Detail) }, Flex: true},
		},
	}.command(c)
}

// some is a filter that was given, and nil for an empty one.
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
