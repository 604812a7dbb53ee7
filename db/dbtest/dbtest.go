// Package dbtest gives each test a database of its own on a real PostgreSQL: a clone of a template that was migrated
// once per test process, made in a tenth of a second and dropped at the end of the test. Tests may run in parallel.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { dbtest.Main(m) }
package dbtest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"rohrpost/db"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

const (
	template = "migrated"
	// Copying files costs half of what the log of all pages would, and dropping them a quarter.
	byFiles = " STRATEGY file_copy"
	within  = time.Minute // a clone takes a tenth of a second; on a busy machine that runs all packages, longer
)

var (
	migrated    sync.Once
	migratedErr error
	count       atomic.Int64 // numbers the databases of this process
)

// desk is the one connection that makes and drops databases: where processes start slowly, a connection of its own for
// each of them would cost a third of what the database does.
var desk struct {
	mu   sync.Mutex // guards conn
	conn *pgx.Conn
}

// Main is stacktest.Main: it runs the tests, stops the servers and looks for leaked goroutines.
func Main(m *testing.M, options ...goleak.Option) { stacktest.Main(m, options...) }

// New is a pool on a fresh migrated database. Both are gone at the end of the test.
func New(t testing.TB) *db.Pool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	// Each connection is a process of the server's, and many a test needs one.
	pool, err := db.Open(ctx, db.Config{URL: URL(t), ConnectTimeout: within}.ForCommand())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// URL is the address of a fresh migrated database, for tests that open their own pools, e.g. one per process.
func URL(t testing.TB) string {
	t.Helper()
	pg := stacktest.Postgres(t)
	migrated.Do(func() { migratedErr = migrate(pg) })
	if migratedErr != nil {
		t.Fatal(migratedErr)
	}
	return create(t, pg, " TEMPLATE "+template+byFiles)
}

// Empty is the address of a fresh database without any schema, for tests of the migrations.
func Empty(t testing.TB) string {
	t.Helper()
	return create(t, stacktest.Postgres(t), byFiles)
}

func create(t testing.TB, pg *devstack.Postgres, options string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", count.Add(1))
	if err := admin(pg, "CREATE DATABASE "+name+options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// FORCE: a test that failed may have left sessions, and this is not the place to hang on them.
		if err := admin(pg, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return pg.DatabaseURL(name)
}

func migrate(pg *devstack.Postgres) error {
	if err := admin(pg, "CREATE DATABASE "+template+byFiles); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	if err := db.Migrate(ctx, pg.DatabaseURL(template), slog.New(slog.DiscardHandler)); err != nil {
		return fmt.Errorf("migrate the template: %w", err)
	}
	// From here on nobody may connect: one session in the template would make every clone fail.
	return admin(pg, "ALTER DATABASE "+template+" WITH ALLOW_CONNECTIONS false")
}

// admin runs one statement outside of the tests' databases.
func admin(pg *devstack.Postgres, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	desk.mu.Lock()
	defer desk.mu.Unlock()
	if desk.conn == nil || desk.conn.IsClosed() {
		conn, err := pgx.Connect(ctx, pg.DatabaseURL("postgres"))
		if err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		desk.conn = conn
	}
	if _, err := desk.conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
