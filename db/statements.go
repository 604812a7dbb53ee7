package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rohrpost/internal/fault"
)

// StatementUse is what the server has counted of one statement, of all processes, since its counts were last reset.
type StatementUse struct {
	Name         string  `json:"name"` // see StatementName
	Calls        int64   `json:"calls"`
	Rows         int64   `json:"rows"`
	TotalSeconds float64 `json:"total_seconds"`
	MeanSeconds  float64 `json:"mean_seconds"`
	MaxSeconds   float64 `json:"max_seconds"`
	// Share is the part of the server's time for this database that went into the statement, 0 to 1.
	Share float64 `json:"share"`
	// Cached is the part of its pages that were in the server's memory already, 0 to 1; 1 where it read none.
	Cached float64 `json:"cached"`
}

// StatementOrders are the orders of [TopStatements]: by what comes first.
func StatementOrders() []string { return []string{"total", "mean", "max", "calls", "rows"} }

// statementsQuery sums what the roles did with the same text. It has no place in the folder queries, whose checker knows
// our own schema only. Times are in ms there.
const statementsQuery = `
WITH of_statement AS (
	SELECT s.query, sum(s.calls)::bigint AS calls, sum(s.rows)::bigint AS rows, sum(s.total_exec_time) / 1000 AS total,
		max(s.max_exec_time) / 1000 AS max, sum(s.shared_blks_hit) AS hit, sum(s.shared_blks_read) AS read
	FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
	WHERE d.datname = $1
	GROUP BY s.query
), shown AS (
	SELECT query, calls, rows, total, total / greatest(calls, 1) AS mean, max,
		coalesce(total / nullif(sum(total) OVER (), 0), 0) AS share,
		coalesce(hit / nullif(hit + read, 0), 1)::float8 AS cached
	FROM of_statement
)
SELECT query, calls, rows, total, mean, max, share, cached FROM shown
ORDER BY CASE $2 WHEN 'mean' THEN mean WHEN 'max' THEN max WHEN 'calls' THEN calls WHEN 'rows' THEN rows ELSE total END DESC,
	query
LIMIT $3`

// TopStatements asks pg_stat_statements for the statements of pool's database, in one of [StatementOrders]. The view is
// looked for in that database and in `postgres`. Where it is in neither, or its library isn't loaded, the error has code
// conflict and says what to do.
func TopStatements(ctx context.Context, pool *Pool, order string, limit int32) ([]StatementUse, error) {
	found, err := topStatements(ctx, pool, pool.Config().ConnConfig.Database, order, limit)
	if !missing(err) {
		return found, err
	}
	cfg := pool.Config().ConnConfig
	database := cfg.Database
	cfg.Database = "postgres"
	conn, connectErr := pgx.ConnectConfig(ctx, cfg)
	if connectErr != nil {
		return nil, notCounting(errors.Join(err, connectErr))
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	if found, err = topStatements(ctx, conn, database, order, limit); missing(err) {
		return nil, notCounting(err)
	}
	return found, err
}

func notCounting(err error) error {
	return fault.Wrap(err, fault.Conflict, "This server counts no statements. Have it load the library: "+
		"shared_preload_libraries = 'pg_stat_statements', then restart it and run CREATE EXTENSION pg_stat_statements "+
		"in the database postgres.")
}

func topStatements(ctx context.Context, q DBTX, database, order string, limit int32) ([]StatementUse, error) {
	rows, err := q.Query(ctx, statementsQuery, database, order, limit)
	if err != nil {
		return nil, fmt.Errorf("statements: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u StatementUse, err error) {
		var text *string // NULL for who may not see the statements of others
		err = row.Scan(&text, &u.Calls, &u.Rows, &u.TotalSeconds, &u.MeanSeconds, &u.MaxSeconds, &u.Share, &u.Cached)
		u.Name = "other"
		if text != nil {
			u.Name = StatementName(*text)
		}
		return u, err
	})
	if err != nil {
		return nil, fmt.Errorf("statements: %w", err)
	}
	return found, nil
}

// missing tells that the view isn't there, or is there without its library.
func missing(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "42P01" || pg.Code == "55000")
}
