package db_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
)

const (
	nap  = "-- name: Nap :one\nSELECT $1::text FROM pg_sleep(0.1)"
	wink = "-- name: Wink :one\nSELECT $1::text"
)

// lines are the lines of a JSON log.
func lines(t testing.TB, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range bytes.Lines(log.Bytes()) {
		var fields map[string]any
		require.NoError(t, json.Unmarshal(line, &fields))
		all = append(all, fields)
	}
	return all
}

// nurse asks for a nap, as the caller that the log names.
func nurse(t testing.TB, q db.DBTX) {
	var said string
	require.NoError(t, q.QueryRow(t.Context(), nap, "hunter2").Scan(&said))
}

func TestASlowStatementIsToldOnceByItsNameAndWithoutItsValues(t *testing.T) {
	t.Parallel()
	// Given a pool whose statements are told when they take too long, and one that does
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	pool := open(t, db.Config{SlowAfter: 90 * time.Millisecond},
		db.LogTo(slog.New(slog.NewJSONHandler(&log, nil))), db.MeasureTo(reg))
	nurse(t, pool)
	// Then the log has it
	told := lines(t, &log)
	require.Len(t, told, 1)
	require.Equal(t, "slow statement", told[0]["msg"])
	require.Equal(t, "WARN", told[0]["level"])
	require.Equal(t, "Nap", told[0]["statement"])
	require.InDelta(t, 1, told[0]["rows"], 0)
	require.Greater(t, told[0]["took"], float64(90*time.Millisecond))
	require.Equal(t, "rohrpost/db_test.nurse", told[0]["caller"])
	require.NotContains(t, log.String(), "hunter2")
	require.NotContains(t, log.String(), "pg_sleep")
	require.Equal(t, map[string]float64{"Nap": 1}, gathered(t, reg, "rohrpost_db_statement_duration_seconds"))
	require.Equal(t, map[string]float64{"Nap": 1}, gathered(t, reg, "rohrpost_db_statements_slow_total"))
}

func TestAStatementThatIsNotSlowIsCountedAndNotTold(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	pool := open(t, db.Config{SlowAfter: time.Hour}, db.LogTo(slog.New(slog.NewJSONHandler(&log, nil))), db.MeasureTo(reg))
	nurse(t, pool)
	require.Empty(t, log.String())
	require.Equal(t, map[string]float64{"Nap": 1}, gathered(t, reg, "rohrpost_db_statement_duration_seconds"))
	require.Empty(t, gathered(t, reg, "rohrpost_db_statements_slow_total"))
}

func TestAStatementThatFailsIsToldWithoutWhatPostgresQuotes(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	reg := prometheus.NewRegistry()
	pool := open(t, db.Config{SlowAfter: 1}, db.LogTo(slog.New(slog.NewJSONHandler(&log, nil))), db.MeasureTo(reg))
	_, err := pool.Exec(t.Context(), "-- name: Count :exec\nSELECT $1::text::int", "hunter2")
	require.ErrorContains(t, err, "hunter2")
	told := lines(t, &log)
	require.Len(t, told, 1)
	require.Equal(t, "SQLSTATE 22P02", told[0]["failed"])
	require.NotContains(t, log.String(), "hunter2")
	require.Equal(t, map[string]float64{"Count": 1}, gathered(t, reg, "rohrpost_db_statements_failed_total"))
}

func TestStatementsOfBatchesTransactionsAndCopiesAreCountedToo(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	pool := open(t, db.Config{}, db.MeasureTo(reg))
	require.NoError(t, db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), "CREATE TEMPORARY TABLE few (n int)"); err != nil {
			return err
		}
		_, err := tx.CopyFrom(t.Context(), pgx.Identifier{"few"}, []string{"n"},
			pgx.CopyFromSlice(3, func(i int) ([]any, error) { return []any{i}, nil }))
		return err
	}))
	var batch pgx.Batch
	batch.Queue(wink, "a")
	batch.Queue(wink, "b")
	require.NoError(t, pool.SendBatch(t.Context(), &batch).Close())
	require.Equal(t, map[string]float64{"begin": 1, "other": 1, "copy few": 1, "commit": 1, "Wink": 2},
		gathered(t, reg, "rohrpost_db_statement_duration_seconds"))
}

func TestAStatementIsNamedAsSqlcHasItOrByItsVerb(t *testing.T) {
	t.Parallel()
	for sql, name := range map[string]string{
		"-- name: InsertJob :one\nINSERT INTO jobs": "InsertJob",
		"begin isolation level repeatable read":     "begin",
		"\n\tSELECT 1":                              "select",
		"DECLARE c CURSOR FOR SELECT":               "declare",
		"-- name: broken":                           "other",
		"TRUNCATE jobs":                             "other",
		"":                                          "other",
	} {
		require.Equal(t, name, db.StatementName(sql), sql)
	}
}
