package plans

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
)

// testPlanted makes mistakes and expects the complaints.
func testPlanted(t *testing.T, d *dataset, asked map[string]bool) {
	told := func(c check) string {
		var to capture
		c.call(&to)
		return strings.Join(complaints(t, d, c, to), "\n")
	}
	page := on("", func(x db.DBTX) {
		q.FilesByOwnerBefore(bg, x, db.FilesByOwnerBeforeParams{Owner: d.user(7777), Before: uuid.Max, PageSize: 21})
	})
	require.Empty(t, told(page))
	require.Contains(t, told(page.after("DROP INDEX files_owner_idx")), " rows for ", "an index is gone")

	require.Contains(t, told(on("", func(x db.DBTX) {
		x.Query(bg, "-- name: JobsByMessage :many\nSELECT id FROM jobs WHERE error_message = $1", "none")
	})), "reads all of jobs", "a condition that no index has")

	// It walks an index from end to end, of which EXPLAIN tells no row that was left out.
	require.Contains(t, told(on("", func(x db.DBTX) {
		x.Query(bg, "-- name: FilesNamed :many\nSELECT id FROM files WHERE status > $1 AND id = $2", "", d.file(1))
	}).after("SET LOCAL enable_seqscan = off", "SET LOCAL enable_bitmapscan = off",
		"ALTER TABLE report_files DROP CONSTRAINT report_files_file_id_fkey", "ALTER TABLE thumbnails DROP CONSTRAINT thumbnails_file_id_fkey",
		"ALTER TABLE file_events DROP CONSTRAINT file_events_file_id_fkey", "ALTER TABLE files DROP CONSTRAINT files_pkey")),
		" pages, more than ", "the condition isn't what the index begins with")

	require.Equal(t, []string{"NewQuery"}, without(append(named(t), "NewQuery"), asked), "a query without a case")
}
