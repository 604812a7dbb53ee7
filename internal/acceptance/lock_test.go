package acceptance

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// lock keeps others from tables by PostgreSQL's own means, so that jobs that need them stop in their middle.
type lock struct {
	t  testing.TB
	tx pgx.Tx
}

func (p *place) connect() *pgx.Conn {
	p.t.Helper()
	c, err := pgx.Connect(p.t.Context(), p.env["DATABASE_URL"])
	require.NoError(p.t, err)
	p.t.Cleanup(func() { _ = c.Close(p.t.Context()) })
	return c
}

// lock takes tables, each as in "mails" for a lock that nobody gets past, or "mails IN SHARE MODE" and so on.
func (p *place) lock(tables ...string) *lock {
	p.t.Helper()
	tx, err := p.connect().Begin(p.t.Context())
	require.NoError(p.t, err)
	for _, table := range tables {
		_, err := tx.Exec(p.t.Context(), "LOCK TABLE "+table)
		require.NoError(p.t, err)
	}
	return &lock{p.t, tx}
}

func (l *lock) release() {
	l.t.Helper()
	require.NoError(l.t, l.tx.Rollback(l.t.Context()))
}

// waitFor waits until so many wait for a locked table.
func (p *place) waitFor(table string, many int) {
	p.t.Helper()
	c := p.connect()
	eventually(p.t, func() bool {
		var n int
		err := c.QueryRow(p.t.Context(),
			`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = $1::regclass`, table).Scan(&n)
		return err == nil && n >= many
	}, "%d should wait for %s", many, table)
}

// record is what PostgreSQL has of a job, whoever owns it.
type record struct {
	ID      uuid.UUID
	Kind    string
	State   string
	Crashes int
	Error   *string
	Result  json.RawMessage
}

// recorded returns the jobs of a kind, the oldest first.
func (p *place) recorded(kind string) []record {
	p.t.Helper()
	rows, err := p.connect().Query(p.t.Context(),
		`SELECT id, kind, state, crashes, error_message, result FROM jobs WHERE kind = $1 ORDER BY id`, kind)
	require.NoError(p.t, err)
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[record])
	require.NoError(p.t, err)
	return found
}

// done waits until the one job of a kind has ended, as it should.
func (p *place) done(kind string) record {
	p.t.Helper()
	var one record
	eventually(p.t, func() bool {
		found := p.recorded(kind)
		require.Len(p.t, found, 1, kind)
		one = found[0]
		return one.State != "queued" && one.State != "running"
	}, "the job of kind %s should end", kind)
	require.Equal(p.t, "succeeded", one.State, "%s: %v", kind, one.Error)
	return one
}
