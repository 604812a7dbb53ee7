package admin

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/cli/terminal"
)

func (c *console) suppressionsCommand() *cobra.Command {
	return group("mail-suppressions", "Look after the addresses that nothing is sent to",
		c.listSuppressions(), c.addSuppression(), c.removeSuppression())
}

func (c *console) listSuppressions() *cobra.Command {
	return list[api.Suppression]{
		about: about{use: "list", short: "List the addresses, in order"},
		page: func(ctx context.Context, h House, _ []string, p page) ([]api.Suppression, error) {
			return all(api.ShownSuppression)(h.Mail.SuppressedAddresses(ctx, p.after, p.limit))
		},
		cursor: func(s api.Suppression) string { return s.Address },
		columns: []terminal.Column[api.Suppression]{
			{Title: "address", Text: func(s api.Suppression) string { return s.Address }},
			{Title: "since", Text: func(s api.Suppression) string { return c.screen.When(s.CreatedAt) }},
			{Title: "reason", Text: func(s api.Suppression) string { return s.Reason }, Flex: true},
		},
	}.command(c)
}

func (c *console) addSuppression() *cobra.Command {
	var reason string
	return action[api.Suppression]{
		about: about{
			use: "add ADDRESS", short: "Have nothing sent to an address", args: cobra.ExactArgs(1),
			example: "  rohrpost admin mail-suppressions add ada@example.org --reason 'She asked for it.'",
		},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&reason, "reason", "", "why (needed); one that is on the list keeps its first reason")
		},
		do: func(ctx context.Context, h House, args []string) (api.Suppression, error) {
			return inTx(ctx, h, func(tx pgx.Tx) (api.Suppression, error) {
				listed, err := h.Mail.Suppress(ctx, tx, c.by, args[0], reason)
				return api.ShownSuppression(listed), err
			})
		},
		show: func(s api.Suppression) { c.screen.Say("Nothing is sent to %s any more.", s.Address) },
	}.command(c)
}

// released is an address that mail is sent to again.
type released struct {
	Address string `json:"address"`
}

func (c *console) removeSuppression() *cobra.Command {
	return action[released]{
		about: about{use: "remove ADDRESS", short: "Have mail sent to an address again", args: cobra.ExactArgs(1)},
		do: func(ctx context.Context, h House, args []string) (released, error) {
			return inTx(ctx, h, func(tx pgx.Tx) (released, error) {
				return released{args[0]}, h.Mail.Release(ctx, tx, c.by, args[0])
			})
		},
		show: func(r released) { c.screen.Say("Mail is sent to %s again.", r.Address) },
	}.command(c)
}
