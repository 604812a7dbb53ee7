package admin

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/mail"
)

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}

func (c *console) mailsCommand() *cobra.Command {
	return group("mails", "See what became of mails", c.listMails(), c.showMail())
}

func (c *console) listMails() *cobra.Command {
	var state string
	return list[api.Mail]{
		about: about{use: "list", short: "List the mails, the newest first"},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&state, "state", "", "only these: queued, sent, suppressed, skipped or failed")
		},
		page: func(ctx context.Context, h House, _ []string, p page) ([]api.Mail, error) {
			before, err := p.id()
			if err != nil {
				return nil, err
			}
			if err := oneOf("--state", state, mail.Queued, mail.Sent, mail.Suppressed, mail.Skipped, mail.Failed); err != nil {
				return nil, err
			}
			return all(api.ShownMail)(h.Mail.List(ctx, mail.Filter{State: state, Before: before, Limit: p.limit}))
		},
		cursor: func(m api.Mail) string { return m.ID.String() },
		columns: []terminal.Column[api.Mail]{
			{Title: "id", Text: func(m api.Mail) string { return m.ID.String() }},
			{Title: "created", Text: func(m api.Mail) string { return c.screen.When(m.CreatedAt) }},
			{Title: "state", Text: func(m api.Mail) string { return m.State }},
			{Title: "template", Text: func(m api.Mail) string { return m.Template }},
			{Title: "to", Text: func(m api.Mail) string { return m.To }, Flex: true},
			{Title: "reason", Text: func(m api.Mail) string { return value(m.Reason) }, Flex: true},
		},
	}.command(c)
}

func (c *console) showMail() *cobra.Command {
	return action[api.Mail]{
		about: about{use: "show ID", short: "Show a mail", args: cobra.ExactArgs(1)},
		do: func(ctx context.Context, h House, args []string) (api.Mail, error) {
			id, err := idOf(args[0])
			if err != nil {
				return api.Mail{}, err
			}
			found, err := h.Mail.Get(ctx, id)
			out := api.ShownMail(found)
			out.Data = found.Data
			return out, err
		},
		show: func(m api.Mail) {
			c.screen.Fields(
				terminal.Field{Title: "id", Value: m.ID.String()},
				terminal.Field{Title: "job", Value: m.JobID.String()},
				terminal.Field{Title: "template", Value: m.Template},
				terminal.Field{Title: "to", Value: m.To},
				terminal.Field{Title: "user", Value: idText(m.UserID)},
				terminal.Field{Title: "about", Value: value(m.About)},
				terminal.Field{Title: "state", Value: m.State},
				terminal.Field{Title: "reason", Value: value(m.Reason)},
				terminal.Field{Title: "message id", Value: value(m.MessageID)},
				terminal.Field{Title: "created", Value: c.screen.When(m.CreatedAt)},
				terminal.Field{Title: "sent", Value: c.screen.WhenOr(m.SentAt, "")},
				terminal.Field{Title: "data", Value: terminal.Laid(m.Data)},
			)
		},
	}.command(c)
}

// idText is an id where there is one.
func idText(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}
