package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

var errOneRow = errors.New("db.Pool.After: only for a statement that returns a row")

// After is the [DBTX] of one statement that returns a row and comes after those of w: all of it is one transaction, in one
// exchange. Each sees what was committed when its turn came, so that w may take the locks that the last one needs. The
// transaction has ended when the row is scanned, also where there was none. Signals of w are not told.
func (p *Pool) After(w *Writes) DBTX { return after{p, w} }

type after struct {
	pool  *Pool
	first *Writes
}

// Exec implements [DBTX] with an error.
func (after) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, errOneRow
}

// Query implements [DBTX] with an error.
func (after) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, errOneRow }

// QueryRow implements [DBTX].
func (a after) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	b := batchOf(a.first)
	b.Queue(sql, args...)
	span := exchange(ctx, func() string { return a.first.name() + " " + StatementName(sql) })
	return lastRow{a.pool.SendBatch(ctx, b), len(a.first.statements), func(err error) { exchanged(span, err) }}
}

type lastRow struct {
	results pgx.BatchResults
	first   int
	ended   func(error)
}

// Scan implements [pgx.Row].
func (r lastRow) Scan(dest ...any) error {
	err := r.scan(dest)
	if closed := r.results.Close(); closed != nil && (err == nil || errors.Is(err, pgx.ErrNoRows)) {
		err = fmt.Errorf("end the exchange: %w", closed)
	}
	failed := err
	if errors.Is(err, pgx.ErrNoRows) {
		failed = nil
	}
	r.ended(failed)
	return err
}

func (r lastRow) scan(dest []any) error {
	for range r.first {
		if _, err := r.results.Exec(); err != nil {
			return err
		}
	}
	return r.results.QueryRow().Scan(dest...)
}
