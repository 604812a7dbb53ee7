package plans

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rohrpost/db"
)

// q has the queries, and bg is what they are called with: see capture.
var (
	q  = db.New()
	bg = context.Background()
)

// capture is a database that only takes down what it is asked, so that a case calls the generated method, whose
// parameters the compiler checks.
type capture struct {
	sql  string
	args []any
}

var errCaptured = errors.New("taken down")

func (c *capture) take(sql string, args []any) error {
	if c.sql != "" {
		return errors.New("a case makes one call")
	}
	c.sql, c.args = sql, args
	return errCaptured
}

func (c *capture) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, c.take(sql, args)
}

func (c *capture) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	return nil, c.take(sql, args)
}

func (c *capture) QueryRow(_ context.Context, sql string, args ...any) pgx.Row {
	return failed{c.take(sql, args)}
}

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }
