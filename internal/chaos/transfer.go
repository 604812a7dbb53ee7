package chaos

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// Queue is where the transfers wait; only the workers of a run serve it.
const Queue = "chaos"

// transfer is the kind of job whose effect can be counted.
var transfer = queue.Kind[order]{Name: "chaos:transfer", Queue: Queue, MaxAttempts: 50, Timeout: 30 * time.Second}

// order is one transfer of 1.
type order struct {
	Number int64 `json:"number"`
	From   int   `json:"from"`
	To     int   `json:"to"`
	TakeMS int   `json:"take_ms"` // how long the work takes before the books are touched
}

const (
	accounts = 64   // on either side, so that transfers rarely wait for one another
	funds    = 1000 // on each account at the start; it may go below zero
)

// books has no key that would refuse a second effect: that is for the engine to do.
const books = `
CREATE TABLE chaos_accounts (id integer PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE chaos_effects (job_id uuid NOT NULL, number bigint NOT NULL, epoch bigint NOT NULL,
                            at timestamptz NOT NULL DEFAULT now());
CREATE INDEX chaos_effects_job_id_idx ON chaos_effects (job_id);`

// openBooks makes the ledger in a database that has none.
func openBooks(ctx context.Context, pool *db.Pool) error {
	return db.InTx(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, books); err != nil {
			return fmt.Errorf("open the ledger: %w", err)
		}
		_, err := tx.Exec(ctx, `INSERT INTO chaos_accounts SELECT id, $1 FROM generate_series(0, $2) AS id`, funds, 2*accounts-1)
		if err != nil {
			return fmt.Errorf("open the accounts: %w", err)
		}
		return nil
	})
}

// refused is a transfer that fails for good, so that failures are among the work.
func (o order) refused() bool { return o.Number%50 == 7 }

// flaky is a transfer whose first attempt fails.
func (o order) flaky() bool { return o.Number%25 == 3 }

// Bind has a worker know the transfers.
func Bind(mux *queue.Mux, pool *db.Pool) {
	queue.Handle(mux, transfer, func(ctx context.Context, job *queue.Job[order]) (any, error) {
		o := job.Args
		switch {
		case o.refused():
			return nil, fault.New(fault.Invalid, "The bank refuses transfer %d.", o.Number)
		case o.flaky() && job.Attempt() == 1:
			return nil, fault.New(fault.Unavailable, "The bank is closed.")
		}
		if err := job.Progress(ctx, map[string]int{"from": o.From}); err != nil {
			return nil, err
		}
		took := time.NewTimer(time.Duration(o.TakeMS) * time.Millisecond)
		defer took.Stop()
		select {
		case <-took.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return nil, move(ctx, pool, job.Run, o)
	})
}

// move is the effect: it commits with the job's completion or not at all.
func move(ctx context.Context, pool *db.Pool, run *queue.Run, o order) error {
	return db.InTx(ctx, pool, func(tx pgx.Tx) error {
		// The account that pays has the lower number, always: no two transfers wait for each other in a ring.
		for _, entry := range []struct{ id, by int }{{o.From, -1}, {o.To, 1}} {
			if _, err := tx.Exec(ctx, `UPDATE chaos_accounts SET balance = balance + $2 WHERE id = $1`, entry.id, entry.by); err != nil {
				return fmt.Errorf("account %d: %w", entry.id, err)
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO chaos_effects (job_id, number, epoch) VALUES ($1, $2, $3)`, run.ID(), o.Number, run.Epoch())
		if err != nil {
			return fmt.Errorf("enter transfer %d: %w", o.Number, err)
		}
		return queue.Complete(ctx, tx, run, nil)
	})
}
