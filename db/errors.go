package db

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Down reports whether err means that PostgreSQL can't be reached, is going down or is short of something, so that the
// same call works when it is back. The edges answer it as fault.Unavailable where the error carries no code of its own.
func Down(err error) bool {
	var connect *pgconn.ConnectError
	var network *net.OpError
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return false
	case errors.As(err, &pg):
		// Connection exceptions, shutdown and start-up, and what it is short of: connections, memory, disk.
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P0") || strings.HasPrefix(pg.Code, "53")
	case errors.As(err, &connect), errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return true
	}
	return pgconn.SafeToRetry(err)
}

// Duplicate reports whether err is PostgreSQL's refusal of a row that a unique index has already.
func Duplicate(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "23505"
}
