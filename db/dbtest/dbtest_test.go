package dbtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"rohrpost/db/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestDatabasesAreMigratedAndApart(t *testing.T) {
	t.Parallel()
	a, b := dbtest.New(t), dbtest.New(t)
	if _, err := a.Exec(t.Context(), "CREATE TABLE only_here (n int)"); err != nil {
		t.Fatal(err)
	}
	var migrations int
	if err := b.QueryRow(t.Context(), "SELECT count(*) FROM goose_db_version").Scan(&migrations); err != nil {
		t.Fatal(err)
	}
	if migrations < 2 {
		t.Errorf("%d migrations, want the clone to be migrated", migrations)
	}
	var there *string
	if err := b.QueryRow(t.Context(), "SELECT to_regclass('only_here')::text").Scan(&there); err != nil {
		t.Fatal(err)
	}
	if there != nil {
		t.Error("a table of one test's database is in another's")
	}
}

func TestEmptyHasNoTables(t *testing.T) {
	t.Parallel()
	conn, err := pgx.Connect(t.Context(), dbtest.Empty(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 0 {
		t.Errorf("%d tables", n)
	}
}

func BenchmarkClone(b *testing.B) {
	for b.Loop() {
		dbtest.URL(b)
	}
}
