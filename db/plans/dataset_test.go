package plans

import (
	"context"
	"embed"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/db"
	"rohrpost/db/dbtest"
)

//go:embed fill/*.sql
var scripts embed.FS

// keptURL names a migrated database that is filled once and then used again, for those who try out cases and indexes.
const keptURL = "PLANS_URL"

const (
	month    = 30 * 24 * time.Hour
	builders = 2 // connections that fill tables and make indexes at once
)

// Rows of each table, as the scripts make them. The id of row n is id(n, rows).
const (
	jobRows, fileRows, eventRows = 1_000_000, 1_000_000, 1_000_000
	answerRows                   = 500_000
	sessionRows                  = 200_000
	auditRows                    = 200_000
	mailRows                     = 300_000
	reportRows                   = 50_000
	datasetRows                  = 20_000
	tuningRows                   = 5_000
	backupRows                   = 400
	workerRows                   = 1_000
	userRows                     = 100_000_000 // accounts are all of the first seconds
)

// dataset is a database that a busy installation could have after a month, with statistics as autovacuum leaves them.
type dataset struct {
	*pgxpool.Pool
	start time.Time // when the oldest row was born
}

func newDataset(t *testing.T) *dataset {
	t.Helper()
	kept := os.Getenv(keptURL)
	url := kept
	if kept == "" {
		url = dbtest.URL(t)
	}
	pool, err := db.Open(t.Context(), db.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	d := &dataset{Pool: pool.Pool, start: time.Now().Add(-month).Truncate(time.Millisecond)}
	if d.QueryRow(t.Context(), "SELECT fill.at(0, 1)").Scan(&d.start) == nil {
		return d
	}
	d.fill(t)
	return d
}

func (d *dataset) fill(t *testing.T) {
	t.Helper()
	script := read(t, "functions")
	d.exec(t, strings.ReplaceAll(script, "/*start*/0", strconv.FormatInt(d.start.UnixMilli(), 10)))
	// An autovacuum in the middle would take time now, and change statistics while plans are looked at.
	for _, table := range slices.Sorted(maps.Keys(big)) {
		d.exec(t, "ALTER TABLE "+table+" SET (autovacuum_enabled = false)")
	}
	drops, makes := d.indexes(t)
	d.exec(t, drops...)
	d.build(t, []string{read(t, "jobs"), read(t, "files"), read(t, "answers"), read(t, "people"), read(t, "house")})
	d.build(t, makes)
	tidy := []string{"VACUUM ANALYZE jobs", "VACUUM ANALYZE files"} // the longest first
	for _, table := range slices.Sorted(maps.Keys(big)) {
		if table != "jobs" && table != "files" {
			tidy = append(tidy, "VACUUM ANALYZE "+table)
		}
	}
	for _, table := range slices.Sorted(maps.Keys(small)) {
		tidy = append(tidy, "VACUUM ANALYZE "+table)
	}
	d.build(t, tidy)
}

func read(t *testing.T, name string) string {
	t.Helper()
	script, err := scripts.ReadFile("fill/" + name + ".sql")
	require.NoError(t, err)
	return string(script)
}

// indexes returns statements that drop the indexes that no constraint needs, and that make them again: in one go that
// takes a fraction of the time.
func (d *dataset) indexes(t *testing.T) (drops, makes []string) {
	t.Helper()
	rows, err := d.Query(t.Context(), `
		SELECT format('DROP INDEX %I', i.indexrelid::regclass::text), pg_get_indexdef(i.indexrelid)
		FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		WHERE c.relnamespace = 'public'::regnamespace AND NOT EXISTS (
			SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
		ORDER BY c.relname = 'jobs' DESC, i.indexrelid`)
	require.NoError(t, err)
	var drop, def string
	_, err = pgx.ForEachRow(rows, []any{&drop, &def}, func() error {
		drops, makes = append(drops, drop), append(makes, def)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, drops)
	return drops, makes
}

func (d *dataset) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		_, err := d.Exec(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// build runs the scripts, some at once, without triggers and checks of foreign keys: the rows are made to fit.
func (d *dataset) build(t *testing.T, scripts []string) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(builders)
	for _, script := range scripts {
		group.Go(func() error {
			return d.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return build(ctx, conn.Conn(), script) })
		})
	}
	require.NoError(t, group.Wait())
}

func build(ctx context.Context, conn *pgx.Conn, script string) error {
	for _, statement := range []string{
		"SET session_replication_role = replica", "SET maintenance_work_mem = '256MB'", script, "RESET ALL",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%.100s: %w", statement, err)
		}
	}
	return nil
}

// at is when row n of total was born.
func (d *dataset) at(n, total int64) time.Time {
	return d.start.Add(time.Duration(n*month.Milliseconds()/total) * time.Millisecond)
}

// id is the id of row n of total.
func (d *dataset) id(n, total int64) (id uuid.UUID) {
	binary.BigEndian.PutUint64(id[:], uint64(d.at(n, total).UnixMilli())<<16|0x7000)
	binary.BigEndian.PutUint64(id[8:], 0xa<<60|uint64(n))
	return id
}

func (d *dataset) job(n int64) uuid.UUID  { return d.id(n, jobRows) }
func (d *dataset) file(n int64) uuid.UUID { return d.id(n, fileRows) }
func (d *dataset) user(n int64) uuid.UUID { return d.id(n, userRows) }

// hash is the key of row n of a table of tokens.
func hash(n int64) []byte {
	return append(make([]byte, 24), binary.BigEndian.AppendUint64(nil, uint64(n))...)
}
