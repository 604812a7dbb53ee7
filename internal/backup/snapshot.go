package backup

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed objects.sql
var objectsSQL string

// state is what a database holds at one moment, to be compared with what a backup of it restores to.
type state struct {
	taken   time.Time
	schema  int64 // the newest migration
	server  string
	major   int // of server
	objects []string
	rows    map[string]int64
}

func (s state) total() (n int64) {
	for _, rows := range s.rows {
		n += rows
	}
	return n
}

// snapshot is a moment of a database that others can look at, too, until it is let go.
type snapshot struct {
	state
	id   string // for pg_dump --snapshot
	conn *pgx.Conn
	tx   pgx.Tx
}

// takeSnapshot holds on to the present moment of a database.
func takeSnapshot(ctx context.Context, at place) (*snapshot, error) {
	conn, err := at.connect(ctx)
	if err != nil {
		return nil, err
	}
	s := &snapshot{conn: conn}
	if err := s.begin(ctx); err != nil {
		s.release(ctx)
		return nil, fmt.Errorf("snapshot of the database: %w", err)
	}
	return s, nil
}

func (s *snapshot) begin(ctx context.Context) (err error) {
	// Nothing is asked of it while pg_dump works.
	if _, err = s.conn.Exec(ctx, "SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0"); err != nil {
		return err
	}
	if s.major, s.server, err = serverVersion(ctx, s.conn); err != nil {
		return err
	}
	s.tx, err = s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	return s.tx.QueryRow(ctx, "SELECT pg_export_snapshot(), now()").Scan(&s.id, &s.taken)
}

func (s *snapshot) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	_ = s.conn.Close(ctx) // and with it the transaction, which has only read
}

// look reads the schema and counts the rows of each table.
func (s *state) look(ctx context.Context, tx pgx.Tx, tell func(done, total int) error) error {
	if _, err := tx.Exec(ctx, "SET LOCAL search_path = ''"); err != nil {
		return fmt.Errorf("look at the schema: %w", err)
	}
	var err error
	if s.objects, err = collect[string](ctx, tx, objectsSQL); err != nil {
		return fmt.Errorf("look at the schema: %w", err)
	}
	tables, err := collect[string](ctx, tx, `SELECT format('%I.%I', n.nspname, c.relname)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("look at the tables: %w", err)
	}
	s.rows = make(map[string]int64, len(tables))
	for i, table := range tables {
		var n int64
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM ONLY "+table).Scan(&n); err != nil {
			return fmt.Errorf("count %s: %w", table, err)
		}
		s.rows[table] = n
		if err := tell(i+1, len(tables)); err != nil {
			return err
		}
	}
	if slices.Contains(tables, "public.goose_db_version") {
		err = tx.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM public.goose_db_version").Scan(&s.schema)
		if err != nil {
			return fmt.Errorf("version of the schema: %w", err)
		}
	}
	return nil
}

func collect[T any](ctx context.Context, tx pgx.Tx, sql string) ([]T, error) {
	rows, err := tx.Query(ctx, sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// differs says in what a restored database is not what it should be, "" if in nothing. PostgreSQL writes some definitions
// in other words from one major version to the next: then only names are compared.
func (s state) differs(got state) string {
	want, have := s.objects, got.objects
	if s.major != got.major {
		want, have = names(want), names(have)
	}
	if line := firstMissing(want, have); line != "" {
		return "it lacks " + readable(line)
	}
	if line := firstMissing(have, want); line != "" {
		return "it has " + readable(line)
	}
	for table, n := range s.rows {
		if got.rows[table] != n {
			return fmt.Sprintf("%s has %d rows and not %d", table, got.rows[table], n)
		}
	}
	return ""
}

func names(objects []string) []string {
	var all []string
	for _, line := range objects {
		name, _, _ := strings.Cut(line, "\t")
		all = append(all, name)
	}
	return all
}

func firstMissing(want, have []string) string {
	there := make(map[string]bool, len(have))
	for _, line := range have {
		there[line] = true
	}
	for _, line := range want {
		if !there[line] {
			return line
		}
	}
	return ""
}

func readable(line string) string { return strings.TrimSpace(strings.ReplaceAll(line, "\t", ": ")) }
