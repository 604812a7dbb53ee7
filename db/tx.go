package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxTxTries bounds how often a transaction that lost a serialization conflict is tried.
const maxTxTries = 5

// signallingTx collects what the transaction wants to tell once it has committed.
type signallingTx struct {
	pgx.Tx
	pool    *Pool
	signals []any
}

// Signal hands signal to the pool's subscribers if and after tx commits. A tx that [InTx] did not open has no
// subscribers, and the signal is dropped: a signal may make things faster, never correct.
func Signal(tx pgx.Tx, signal any) {
	if s, ok := tx.(*signallingTx); ok {
		s.signals = append(s.signals, signal)
	}
}

// Announce tells the pool's subscribers at once that tx is about to write what plan describes. They may change it. A tx
// that [InTx] did not open has none.
func Announce(tx pgx.Tx, plan any) {
	if s, ok := tx.(*signallingTx); ok {
		s.pool.announced(plan)
	}
}

// InTx runs fn in a transaction: commits when fn returns nil, rolls back otherwise. Inside fn only tx exists: no HTTP,
// no Redis, no other connection. A transaction that PostgreSQL refused for a conflict with another (SQLSTATE 40001,
// 40P01) is run again from the start, so fn must not keep state from an earlier try.
func InTx(ctx context.Context, pool *Pool, fn func(tx pgx.Tx) error) error {
	signals, err := backoff.Retry(ctx, func() ([]any, error) {
		signals, err := once(ctx, pool, fn)
		if err != nil && !Conflict(err) {
			return nil, backoff.Permanent(err)
		}
		return signals, err
	}, backoff.WithMaxTries(maxTxTries))
	if err != nil {
		return err
	}
	pool.committed(signals)
	return nil
}

func once(ctx context.Context, pool *Pool, fn func(tx pgx.Tx) error) ([]any, error) {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	stx := &signallingTx{Tx: tx, pool: pool}
	// After a commit this does nothing; it must not depend on ctx, which may be why we are leaving.
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // the connection is dropped if it fails
	if err := fn(stx); err != nil {
		return nil, err
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return stx.signals, nil
}

// Savepoint runs fn in a part of tx that is undone when fn returns an error, while what tx did before stays. The signals
// of fn are those of tx.
func Savepoint(ctx context.Context, tx pgx.Tx, fn func(tx pgx.Tx) error) error {
	part, err := tx.Begin(ctx)
	if err != nil {
		return fmt.Errorf("savepoint: %w", err)
	}
	inner := &signallingTx{Tx: part}
	if outer, ok := tx.(*signallingTx); ok {
		inner.pool = outer.pool
	}
	defer part.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // of a part that is closed already, or of a broken tx
	if err := fn(inner); err != nil {
		return err
	}
	if err := part.Commit(ctx); err != nil {
		return fmt.Errorf("release savepoint: %w", err)
	}
	for _, signal := range inner.signals {
		Signal(tx, signal)
	}
	return nil
}

// Conflict tells that PostgreSQL refused a statement for a conflict with another (SQLSTATE 40001, 40P01), so that it can
// be tried again.
func Conflict(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
