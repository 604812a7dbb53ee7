package db

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rohrpost/internal/batch"
)

const (
	// writesTogether bounds the transactions in one exchange: one that fails has the others written again.
	writesTogether = 64
	// writeWithin bounds an exchange once it has a connection. It is a few rows, so longer means trouble.
	writeWithin = 10 * time.Second
)

// Writes are statements that commit together or not at all, and whose results nobody reads. So they go to PostgreSQL in one
// exchange, where those of [InTx] take one each, and two more for begin and commit. It is the [DBTX] of sqlc's :exec
// queries. Its zero value is empty. It is not safe for concurrent use.
type Writes struct {
	pool       *Pool // nil where AtOnce did not make it
	statements []statementOf
	signals    []any
	alone      bool
}

type statementOf struct {
	sql  string
	args []any
}

var errOnlyWrites = errors.New("db.Writes: a statement whose result is read needs db.InTx")

// Exec implements [DBTX]: it keeps the statement for [AtOnce]. The tag is empty, and there is no error.
func (w *Writes) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	w.statements = append(w.statements, statementOf{sql, args})
	return pgconn.CommandTag{}, nil
}

// Query implements [DBTX] with an error.
func (w *Writes) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, errOnlyWrites }

// QueryRow implements [DBTX] with an error.
func (w *Writes) QueryRow(context.Context, string, ...any) pgx.Row { return unread{} }

type unread struct{}

func (unread) Scan(...any) error { return errOnlyWrites }

// Signal is [Signal] for the transaction that the statements become.
func (w *Writes) Signal(signal any) { w.signals = append(w.signals, signal) }

// Announce is [Announce] for the transaction that the statements become.
func (w *Writes) Announce(plan any) { w.pool.announced(plan) }

// Alone keeps the statements out of the exchange of others: one of them may have to wait for another transaction, as an
// insert does for a key that somebody is just using, and those who share the exchange would wait with it.
func (w *Writes) Alone() { w.alone = true }

// Then adds the statements and signals of more to the end.
func (w *Writes) Then(more *Writes) {
	w.statements = append(w.statements, more.statements...)
	w.signals = append(w.signals, more.signals...)
	w.alone = w.alone || more.alone
}

// In runs the statements within tx, in one exchange, and gives tx their signals.
func (w *Writes) In(ctx context.Context, tx pgx.Tx) error {
	if err := send(ctx, tx, w); err != nil {
		return err
	}
	for _, signal := range w.signals {
		Signal(tx, signal)
	}
	return nil
}

// name tells in traces what is written.
func (w *Writes) name() string {
	names := make([]string, len(w.statements))
	for i, s := range w.statements {
		names[i] = StatementName(s.sql)
	}
	return strings.Join(names, " ")
}

// AtOnce commits what fn writes, as one transaction in one exchange. While an exchange is under way, those of other
// callers are collected and then share the next one and its commit; what one of them does wrong is its own error. fn is
// called once, before anything is sent, so it may keep state. A conflict with another transaction (see [Conflict]) is
// tried again. As with a commit that was lost on its way, an error without an SQLSTATE leaves open whether it was written.
func AtOnce(ctx context.Context, pool *Pool, fn func(w *Writes) error) error {
	w := &Writes{pool: pool}
	if err := fn(w); err != nil {
		return err
	}
	if len(w.statements) > 0 {
		_, err := backoff.Retry(ctx, func() (struct{}, error) {
			err := pool.write(ctx, w)
			if err != nil && !Conflict(err) {
				return struct{}{}, backoff.Permanent(err)
			}
			return struct{}{}, err
		}, backoff.WithMaxTries(maxTxTries))
		if err != nil {
			return err
		}
	}
	pool.committed(w.signals)
	return nil
}

func (p *Pool) write(ctx context.Context, w *Writes) (err error) {
	span := exchange(ctx, w.name)
	defer func() { exchanged(span, err) }()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if w.alone {
		return send(ctx, p, w)
	}
	refusal, err := p.writes.Do(w)
	if err != nil {
		return err
	}
	return refusal
}

// joinWrites makes the group in which what concurrent callers write shares transactions. An exchange may have to wait for
// a connection.
func (p *Pool) joinWrites(wait time.Duration) {
	p.writes = batch.New(writesTogether, wait+writeWithin, p.writeTogether)
}

// writeTogether answers with what PostgreSQL had against each.
func (p *Pool) writeTogether(ctx context.Context, asked []*Writes) ([]error, error) {
	refusals := make([]error, len(asked))
	err := send(ctx, p, asked...)
	if err == nil {
		return refusals, nil
	}
	if len(asked) == 1 || !undone(err) {
		return nil, err
	}
	// It isn't known whose fault it is, but nothing of it was written.
	for i, w := range asked {
		refusals[i] = send(ctx, p, w)
	}
	return refusals, nil
}

// undone tells that PostgreSQL has rolled a transaction back. After another error it may have committed.
func undone(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.SeverityUnlocalized == "ERROR"
}

type batcher interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// send sends statements in one exchange. Without a transaction around them they are one: PostgreSQL commits at the end of
// the exchange, and rolls all of it back at the first error.
func send(ctx context.Context, to batcher, asked ...*Writes) error {
	if err := to.SendBatch(ctx, batchOf(asked...)).Close(); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

func batchOf(asked ...*Writes) *pgx.Batch {
	b := &pgx.Batch{}
	for _, w := range asked {
		for _, s := range w.statements {
			b.Queue(s.sql, s.args...)
		}
	}
	return b
}
