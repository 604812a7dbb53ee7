package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/cli/terminal"
)

func TestAnAdministratorIsMadeAtTheConsole(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	// When the password comes from the input, from the environment, or not at all
	made := d.at(t.Context(), &terminal.Screen{In: strings.NewReader("correct horse battery\n")}, "create", "Ada@example.org")
	require.Equal(t, "Ada@example.org was made, an administrator\n", made.want(terminal.OK).out)
	d.env["ADMIN_PASSWORD"] = "quite another password"
	var again map[string]any
	d.admin("create", "ada@example.org", "--json").want(terminal.OK).into(&again)
	require.Equal(t, map[string]any{"email": "ada@example.org", "created": false}, again)
	delete(d.env, "ADMIN_PASSWORD")
	none := d.admin("create", "bob@example.org").want(terminal.Failure)
	// Then it is so, and says what is missing
	require.Equal(t, "rohrpost: There is no password: set ADMIN_PASSWORD, or give one on the input.\n", none.beside)
	short := d.at(t.Context(), &terminal.Screen{In: strings.NewReader("short")}, "create", "bob@example.org", "--json")
	code, _ := short.want(terminal.Failure).problem()
	require.Equal(t, "invalid", code)
	require.Equal(t, 1, d.count("SELECT count(*) FROM users"))
	id := ""
	require.NoError(t, d.pool.QueryRow(t.Context(), "SELECT id::text FROM users").Scan(&id))
	require.Equal(t, []string{"user.set_password " + id, "user.create " + id}, d.logged())
}

func TestAccountsAreListedPromotedAndDemoted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ada, bob := d.account("ada@example.org", "user"), d.account("bob@example.org", "admin")
	d.exec("INSERT INTO sessions (id, user_id, expires_at) VALUES (gen_random_uuid(), $1, now() + interval '1 hour')", ada)

	// The table is in order, and shows nothing that a terminal would obey
	table := d.admin("users", "list").want(terminal.OK)
	require.Equal(t, "ID", strings.Fields(table.out)[0])
	rows := table.cells()
	require.Equal(t, []string{bob.String(), "bob@example.org", `Some\x1b[2Jbody`, "admin", "0"}, rows[0][:5])
	require.Equal(t, []string{ada.String(), "ada@example.org", `Some\x1b[2Jbody`, "user", "1"}, rows[1][:5])
	require.Equal(t, []string{"UTC", "-"}, rows[1][7:])

	// Programs get the same under the API's names, page by page
	items, next := d.admin("users", "list", "--json", "--limit", "1").list()
	require.Len(t, items, 1)
	require.Equal(t, bob.String(), items[0]["id"])
	items, next = d.admin("users", "list", "--json", "--limit", "1", "--next", next).list()
	require.Equal(t, ada.String(), items[0]["id"])
	require.EqualValues(t, 1, items[0]["sessions"])
	require.Empty(t, next)
	require.Contains(t, d.admin("users", "list", "--limit", "1").beside, "There are more: --next "+bob.String())
	items, _ = d.admin("users", "list", "--json", "--role", "admin").list()
	require.Len(t, items, 1)

	// Roles change by address and by id, and the only administrator stays one
	last := d.admin("users", "demote", "bob@example.org").want(terminal.Failure)
	require.Equal(t, "rohrpost: This is the only administrator.\n", last.beside)
	require.Equal(t, "ada@example.org has the role admin now.\n", d.admin("users", "promote", "ADA@example.org").want(terminal.OK).out)
	var demoted map[string]any
	d.admin("users", "demote", bob.String(), "--json").want(terminal.OK).into(&demoted)
	require.Equal(t, "user", demoted["role"])

	// All logins of an account end
	require.Equal(t, "1 logins ended.\n", d.admin("users", "sessions", "revoke", "ada@example.org").want(terminal.OK).out)
	require.Zero(t, d.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL"))
	require.Equal(t, []string{
		"user.revoke_sessions " + ada.String(), "user.demote " + bob.String(), "user.promote " + ada.String(),
	}, d.logged())
}
