package cli

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/cli/terminal"
)

func TestMailsAreListedAndShown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first, second := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	for id, state := range map[uuid.UUID]string{first: "failed", second: "queued"} {
		d.exec(`INSERT INTO mails (id, job_id, template, recipient, data, state, reason)
			VALUES ($1, gen_random_uuid(), 'verify_address', 'ada@example.org', '{"a": 1}', $2, 'No.')`, id, state)
	}
	rows := d.admin("mails", "list").want(terminal.OK).cells()
	require.Equal(t, second.String(), rows[0][0])
	require.Equal(t, []string{"failed", "verify_address", "ada@example.org", "No."}, rows[1][4:])
	items, next := d.admin("mails", "list", "--limit", "1", "--json").list()
	require.Equal(t, second.String(), items[0]["id"])
	require.Equal(t, second.String(), next)
	items, _ = d.admin("mails", "list", "--state", "failed", "--json").list()
	require.Len(t, items, 1)
	require.Equal(t, "ada@example.org", items[0]["to"])
	require.NotContains(t, items[0], "data", "only where one mail is asked for")
	var shown map[string]any
	d.admin("mails", "show", first.String(), "--json").want(terminal.OK).into(&shown)
	require.Equal(t, map[string]any{"a": float64(1)}, shown["data"])
	require.Contains(t, d.admin("mails", "show", first.String()).want(terminal.OK).out, "ada@example.org\n")
	require.Equal(t, "rohrpost: There is no such mail.\n", d.admin("mails", "show", uuid.NewString()).want(terminal.Failure).beside)
}

func TestAddressesArePutOnTheSuppressionListAndTakenOff(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	unexplained := d.admin("mail-suppressions", "add", "ada@example.org").want(terminal.Failure)
	require.Equal(t, "rohrpost: Say why nothing is to be sent to this address.\n", unexplained.beside)
	d.admin("mail-suppressions", "add", "Bob@example.org", "--reason", "He asked for it.").want(terminal.OK)
	d.admin("mail-suppressions", "add", "ada@example.org", "--reason", "She did.", "--json").want(terminal.OK)
	items, next := d.admin("mail-suppressions", "list", "--limit", "1", "--json").list()
	require.Equal(t, "ada@example.org", items[0]["address"])
	items, _ = d.admin("mail-suppressions", "list", "--next", next, "--json").list()
	require.Equal(t, "bob@example.org", items[0]["address"])
	require.Equal(t, "He asked for it.", items[0]["reason"])
	require.Len(t, d.admin("mail-suppressions", "list").cells(), 2)
	d.admin("mail-suppressions", "remove", "bob@example.org").want(terminal.OK)
	d.admin("mail-suppressions", "remove", "bob@example.org").want(terminal.Failure)
	require.Equal(t, []string{
		"mail.release bob@example.org", "mail.suppress ada@example.org", "mail.suppress bob@example.org",
	}, d.logged())
}
