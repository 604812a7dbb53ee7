package devstack

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

const statementLibrary = "pg_stat_statements"

// statementSettings load the library. Statements that aren't queries stay out: their texts are kept as they are, with
// whatever secret is in them.
var statementSettings = []string{"shared_preload_libraries=" + statementLibrary, statementLibrary + ".track_utility=off"}

// countsStatements tells whether the library is there: a server that is told to load what isn't does not start.
func (c *cluster) countsStatements() bool {
	root := filepath.Dir(c.bin)
	for _, folder := range []string{"lib", "lib/postgresql", "lib64/pgsql"} {
		found, _ := filepath.Glob(filepath.Join(root, folder, statementLibrary+".*")) // the pattern is well formed
		if len(found) > 0 {
			return true
		}
	}
	return false
}

// ensureStatements makes the view. It covers all databases and lies in `postgres`, so that no backup of ours takes along
// an extension which the next server may not have.
func (p *Postgres) ensureStatements(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, postgresWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // everything is committed
	if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS "+statementLibrary); err != nil {
		return fmt.Errorf("postgres: %s: %w", statementLibrary, err)
	}
	return nil
}
