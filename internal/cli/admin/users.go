package admin

import (
	"context"
	"crypto/rand"
	"strconv"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/accounts"
	"rohrpost/internal/audit"
	"rohrpost/internal/cli/terminal"
)

// user is an account as the API shows it, and how many logins of it are good.
type user struct {
	api.User
	Sessions int64 `json:"sessions"`
}

func (c *console) usersCommand() *cobra.Command {
	return group("users", "Look after the accounts",
		c.listUsers(),
		c.setRole("promote", "Make an account an administrator's", (*accounts.Directory).Promote),
		c.setRole("demote", "Make an administrator a plain user", (*accounts.Directory).Demote),
		group("sessions", "Look after logins", c.revokeSessions()),
	)
}

func (c *console) listUsers() *cobra.Command {
	var role string
	return list[user]{
		about: about{use: "list", short: "List the accounts, the newest first"},
		flags: func(cmd *cobra.Command) { cmd.Flags().StringVar(&role, "role", "", "only these: user or admin") },
		page: func(ctx context.Context, h House, _ []string, p page) ([]user, error) {
			before, err := p.id()
			if err != nil {
				return nil, err
			}
			return all(func(e accounts.Entry) user { return user{api.ShownUser(e.User), e.Sessions} })(
				h.Accounts.List(ctx, accounts.Filter{Role: role, Before: before, Limit: p.limit}))
		},
		cursor: func(u user) string { return u.ID.String() },
		columns: []terminal.Column[user]{
			{Title: "id", Text: func(u user) string { return u.ID.String() }},
			{Title: "email", Text: func(u user) string { return u.Email }, Flex: true},
			{Title: "name", Text: func(u user) string { return u.Name }, Flex: true},
			{Title: "role", Text: func(u user) string { return u.Role }},
			{Title: "logins", Text: func(u user) string { return strconv.FormatInt(u.Sessions, 10) }, Right: true},
			{Title: "created", Text: func(u user) string { return c.screen.When(u.CreatedAt) }},
			{Title: "confirmed", Text: func(u user) string { return c.screen.WhenOr(u.VerifiedAt, "-") }},
		},
	}.command(c)
}

func (c *console) setRole(use, short string,
	set func(*accounts.Directory, context.Context, uuid.UUID, audit.Actor) (accounts.User, error)) *cobra.Command {
	return action[api.User]{
		about: about{use: use + " EMAIL|ID", short: short, args: cobra.ExactArgs(1)},
		do: func(ctx context.Context, h House, args []string) (api.User, error) {
			found, err := h.Accounts.Find(ctx, args[0])
			if err == nil {
				found, err = set(h.Accounts, ctx, found.ID, c.by)
			}
			return api.ShownUser(found), err
		},
		show: func(u api.User) { c.screen.Say("%s has the role %s now.", u.Email, u.Role) },
	}.command(c)
}

// revoked is how many logins were ended.
type revoked struct {
	UserID  uuid.UUID `json:"user_id"`
	Revoked int64     `json:"revoked"`
}

func (c *console) revokeSessions() *cobra.Command {
	return action[revoked]{
		about: about{use: "revoke EMAIL|ID", short: "End all logins of an account at once", args: cobra.ExactArgs(1)},
		do: func(ctx context.Context, h House, args []string) (revoked, error) {
			found, err := h.Accounts.Find(ctx, args[0])
			if err != nil {
				return revoked{}, err
			}
			n, err := h.Accounts.RevokeSessions(ctx, found.ID, c.by)
			return revoked{found.ID, n}, err
		},
		show: func(r revoked) { c.screen.Say("%d logins ended.", r.Revoked) },
	}.command(c)
}

// made is the outcome of making an administrator.
type made struct {
	Email   string `json:"email"`
	Created bool   `json:"created"`
}

func (c *console) createCommand() *cobra.Command {
	return action[made]{
		about: about{
			use: "create EMAIL", short: "Make an administrator, or one of an account that is there", args: cobra.ExactArgs(1),
			long: "Make an administrator, or one of an account that is there. The password is ADMIN_PASSWORD, or else typed, or the\n" +
				"first line of the input; an empty one keeps the password of an account that is there. A new password ends the\n" +
				"account's logins.",
			example: "  rohrpost admin create ada@example.org <password.txt",
		},
		do: func(ctx context.Context, h House, args []string) (made, error) {
			password, err := c.newPassword(ctx)
			if err != nil {
				return made{}, err
			}
			// Nobody logs in here, so the secret for tokens may be any.
			service, err := accounts.New(h.Pool, accounts.Config{Secret: rand.Text() + rand.Text()})
			if err != nil {
				return made{}, err
			}
			created, err := service.EnsureAdmin(ctx, args[0], password, c.by)
			return made{args[0], created}, err
		},
		show: func(m made) {
			outcome := map[bool]string{true: "was made, an administrator", false: "is an administrator now"}[m.Created]
			c.screen.Say("%s %s", m.Email, outcome)
		},
	}.command(c)
}
