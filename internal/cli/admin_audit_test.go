package cli

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/cli/terminal"
)

func TestTheAuditLogIsReadAtTheConsole(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ada := d.account("ada@example.org", "admin")
	note := func(by audit.Actor, e audit.Entry) {
		require.NoError(t, db.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
			return audit.Record(context.WithoutCancel(t.Context()), tx, by, e)
		}))
	}
	note(audit.User(ada), audit.Entry{Action: "schedule.pause", Target: "sweep", Reason: "It is\nloud.", Detail: map[string]int{"n": 1}})
	note(audit.CommandLine(), audit.Entry{Action: "job.cancel", Target: "1"})
	rows := d.admin("audit").want(terminal.OK).cells()
	require.Len(t, rows, 2)
	require.Equal(t, []string{"ada@example.org", "schedule.pause", "sweep", "It", `is\nloud.`, `{"n":1}`}, rows[1][3:])
	for _, filter := range [][]string{
		{"--actor", "ada@example.org"}, {"--actor", ada.String()}, {"--action", "schedule.pause"}, {"--target", "sweep"},
	} {
		items, _ := d.admin(append([]string{"audit", "--json"}, filter...)...).list()
		require.Len(t, items, 1, filter)
		require.Equal(t, ada.String(), items[0]["actor"])
		require.Equal(t, "schedule.pause", items[0]["action"])
		require.Equal(t, map[string]any{"n": float64(1)}, items[0]["detail"])
	}
	items, next := d.admin("audit", "--json", "--limit", "1").list()
	require.Equal(t, "job.cancel", items[0]["action"])
	require.NotContains(t, items[0], "actor")
	items, _ = d.admin("audit", "--json", "--next", next).list()
	require.Len(t, items, 1)
}
