package audit_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/audit"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func admin(t *testing.T, pool *db.Pool) uuid.UUID {
	t.Helper()
	id := uuid.New()
	_, err := pool.Exec(t.Context(),
		`INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, 'ada@example.org', 'Ada', 'x', 'admin')`, id)
	require.NoError(t, err)
	return id
}

func TestAnEntryTellsWhoDidWhatAndWhyEvenWhenTheAccountIsGone(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	ada := admin(t, pool)
	require.NoError(t, audit.Record(t.Context(), pool, audit.User(ada), audit.Entry{
		Action: "schedule.pause", Target: "sweep", Reason: "too much load", Detail: map[string]int{"jobs": 3},
	}))
	require.NoError(t, audit.Record(t.Context(), pool, audit.CommandLine(), audit.Entry{
		Action: "queue.pause", Target: "ai",
	}))
	_, err := pool.Exec(t.Context(), `DELETE FROM users`)
	require.NoError(t, err)

	entries, err := audit.List(t.Context(), pool, audit.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, entries, 2)
	require.Equal(t, "queue.pause", entries[0].Action)
	require.Nil(t, entries[0].Actor)
	require.Contains(t, entries[0].ActorName, "@")
	require.Equal(t, "ada@example.org", entries[1].ActorName)
	require.Equal(t, "too much load", entries[1].Reason)
	require.JSONEq(t, `{"jobs":3}`, string(entries[1].Detail))

	action := "schedule.pause"
	found, err := audit.List(t.Context(), pool, audit.Filter{Actor: &ada, Action: &action, Limit: 10})
	require.NoError(t, err)
	require.Equal(t, entries[1:], found)
	older, err := audit.List(t.Context(), pool, audit.Filter{Before: entries[1].ID, Limit: 10})
	require.NoError(t, err)
	require.Empty(t, older)
}

func TestAnEntryGoesWithTheChangeThatWasNotMade(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	broken := errors.New("broken off")
	err := db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		err := audit.Record(context.WithoutCancel(t.Context()), tx, audit.CommandLine(), audit.Entry{Action: "a.b", Target: "c"})
		require.NoError(t, err)
		return broken
	})
	require.ErrorIs(t, err, broken)
	entries, err := audit.List(t.Context(), pool, audit.Filter{Limit: 1})
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestNobodyChangesAnEntryAndNobodyIsNoActor(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	require.Error(t, audit.Record(t.Context(), pool, audit.Actor{}, audit.Entry{Action: "a.b", Target: "c"}))
	require.NoError(t, audit.Record(t.Context(), pool, audit.CommandLine(), audit.Entry{Action: "a.b", Target: "c"}))
	for _, change := range []string{
		`UPDATE audit_entries SET reason = 'better'`, `DELETE FROM audit_entries`, `TRUNCATE audit_entries`,
	} {
		_, err := pool.Exec(t.Context(), change)
		require.ErrorContains(t, err, "never changed", change)
	}
}
