package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/batch"
	"rohrpost/internal/queue"
)

const (
	accounts = 4096 // on either side, so that transfers rarely wait for one another
	funds    = 1000 // on each account at the start; it may go below zero
)

// books has no key that would refuse a second effect: that is for the engine to do. The index on the jobs answers the only
// question that is asked all the time, how old the oldest unfinished job is, at a cost that doesn't grow with the finished.
const books = `
CREATE TABLE chaos_accounts (id integer PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
CREATE TABLE chaos_effects (job_id uuid NOT NULL, number bigint NOT NULL, epoch bigint NOT NULL);
CREATE INDEX chaos_unfinished_idx ON jobs (created_at) WHERE state IN ('queued', 'running');`

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

const (
	company      = 32 // transfers in one transaction
	bookedWithin = 10 * time.Second
)

// booking moves and enters transfers. Accounts are locked in order, so that no two transactions wait for each other in a ring.
const booking = `
	WITH moves AS (SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::int[], $5::int[])
	                   AS m (job_id, number, epoch, payer, payee)),
	     changes AS (SELECT id, sum(change) AS change
	                 FROM (SELECT payer, -1 FROM moves UNION ALL SELECT payee, 1 FROM moves) c (id, change) GROUP BY id),
	     locked AS MATERIALIZED (SELECT id FROM chaos_accounts WHERE id = ANY($4::int[] || $5::int[]) ORDER BY id FOR UPDATE),
	     moved AS (UPDATE chaos_accounts a SET balance = balance + c.change FROM changes c
	               WHERE a.id = c.id AND a.id IN (SELECT id FROM locked))
	INSERT INTO chaos_effects (job_id, number, epoch) SELECT job_id, number, epoch FROM moves`

// entry is a transfer that a run wants to be booked.
type entry struct {
	run   *queue.Run
	order order
}

// ledger books transfers: each commits with the completion of its job or not at all.
type ledger struct {
	pool     *db.Pool
	together *batch.Group[entry, error]
}

func newLedger(pool *db.Pool) *ledger {
	l := &ledger{pool: pool}
	l.together = batch.New(company, bookedWithin, l.book)
	return l
}

func (l *ledger) move(ctx context.Context, e entry) error {
	if !e.order.alone() {
		refusal, err := l.together.Do(e)
		return cmp.Or(err, refusal)
	}
	refusals, err := l.book(ctx, []entry{e})
	if err != nil {
		return err
	}
	return refusals[0]
}

// book moves what the entries say in one transaction. Runs that have lost their job are refused, each for itself.
func (l *ledger) book(ctx context.Context, entries []entry) (refusals []error, err error) {
	err = db.InTx(ctx, l.pool, func(tx pgx.Tx) error {
		refusals = make([]error, len(entries))
		n := len(entries)
		jobs, numbers, epochs := make([]uuid.UUID, 0, n), make([]int64, 0, n), make([]int64, 0, n)
		payers, payees := make([]int, 0, n), make([]int, 0, n)
		for i, e := range entries {
			err := queue.Complete(ctx, tx, e.run, nil)
			if errors.Is(err, queue.ErrLost) {
				refusals[i] = err
				continue
			}
			if err != nil {
				return err
			}
			jobs, numbers, epochs = append(jobs, e.run.ID()), append(numbers, e.order.Number), append(epochs, e.run.Epoch())
			payers, payees = append(payers, e.order.From), append(payees, e.order.To)
		}
		if _, err := tx.Exec(ctx, booking, jobs, numbers, epochs, payers, payees); err != nil {
			return fmt.Errorf("book %d transfers: %w", len(jobs), err)
		}
		return nil
	})
	return refusals, err
}
