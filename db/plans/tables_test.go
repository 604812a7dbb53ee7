package plans

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// big tables grow with what users do: none of them is read from end to end.
var big = map[string]bool{
	"jobs": true, "job_history": true, "files": true, "file_events": true, "file_history": true, "thumbnails": true,
	"ai_queries": true, "users": true, "sessions": true, "refresh_tokens": true, "idempotency_keys": true, "mails": true,
	"mail_tokens": true, "suppressed_addresses": true, "audit_entries": true, "schedule_ticks": true, "reports": true,
	"report_files": true, "datasets": true, "dataset_files": true, "tuning_events": true,
	"training_consents": true, "backup_blobs": true, "backup_sources": true, "orphaned_blobs": true,
}

// small tables stay so; to read one is as quick as to look into an index of it.
var small = map[string]string{
	"workers":             "one row for each living process",
	"queue_pauses":        "one row for each paused queue, and queues are named in the program",
	"schedules":           "what administrators set up, row by row",
	"tunings":             "each is asked for by hand, and costs money",
	"models":              "what administrators made and the server can hold",
	"backups":             "a row a night, and old ones that are gone are swept",
	"backup_installation": "one row",
	"history_horizon":     "one row",
	"scaling_advice":      "a row for each group of workers and tick of the last minutes",
	"goose_db_version":    "one row for each migration",
}

// columnsWithoutIndex are foreign keys whose table would be searched from end to end when what they point to is deleted.
const columnsWithoutIndex = `
SELECT k.conrelid::regclass || '.' || k.conname FROM pg_constraint k
WHERE k.contype = 'f' AND NOT EXISTS (
	SELECT FROM pg_index i
	WHERE i.indrelid = k.conrelid AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
	  AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) ~ ' IS NOT NULL\)$'))
ORDER BY 1`

func testTables(t *testing.T, d *dataset) {
	rows, err := d.Query(t.Context(), "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, table := range tables {
		if big[table] == (small[table] != "") {
			t.Errorf("the table %s has to be either in big, and filled, or in small, with the reason", table)
		}
	}
	require.Len(t, tables, len(big)+len(small), "a table is gone")
	for table := range big {
		var n int64
		require.NoError(t, d.QueryRow(t.Context(), "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass($1)", table).Scan(&n))
		if n < 5000 {
			t.Errorf("%s is said to be big and has %d rows here: have a script in fill make some", table, n)
		}
	}
}

func testForeignKeys(t *testing.T, d *dataset) {
	rows, err := d.Query(t.Context(), columnsWithoutIndex)
	require.NoError(t, err)
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, key := range keys {
		t.Errorf("%s: no index begins with its columns, so that deleting what it points to reads the whole table", key)
	}
}
