package chaos

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"rohrpost/db"
)

// evidence is what the books are compared with.
type evidence struct {
	pool       *db.Pool
	rdb        *redis.Client
	accepted   []uuid.UUID // jobs of orders that were taken
	uploads    []upload
	happenings []happening
	ended      []string // processes that ended by themselves
}

// finding is what an invariant came to.
type finding struct {
	Invariant string   `json:"invariant"`
	Checked   string   `json:"checked"`
	Broken    []string `json:"broken,omitempty"` // the first few, in words
	Count     int      `json:"broken_count"`
}

// told is how many violations of one invariant are put into words.
const told = 10

func (f *finding) broken(format string, args ...any) {
	f.Count++
	if f.Count <= told {
		f.Broken = append(f.Broken, fmt.Sprintf(format, args...))
	}
}

// invariant is something that must hold at the end, whatever happened.
type invariant struct {
	name  string
	check func(ctx context.Context, e evidence, f *finding) error
}

// invariants are what is promised. They are checked once the work has ended.
var invariants = []invariant{
	{"what was accepted has ended", acceptedEnded},
	{"each effect is there once", effectsOnce},
	{"the ledger's sum is right", ledgerSum},
	{"what was uploaded is there", uploadsThere},
	{"no job failed without a reason", failuresExplained},
	{"no key stays behind in Redis", nothingLeft},
	{"work went on after each fault", recoveredInTime},
	{"no process ended by itself", noneEnded},
}

// verify checks all invariants. An error is that one could not be checked.
func verify(ctx context.Context, e evidence) ([]finding, error) {
	var findings []finding
	for _, i := range invariants {
		f := finding{Invariant: i.name}
		if err := i.check(ctx, e, &f); err != nil {
			return findings, fmt.Errorf("%s: %w", i.name, err)
		}
		findings = append(findings, f)
	}
	return findings, nil
}

func acceptedEnded(ctx context.Context, e evidence, f *finding) error {
	rows, err := e.pool.Query(ctx, `SELECT id, kind, state FROM jobs WHERE state IN ('queued', 'running')`)
	if err != nil {
		return err
	}
	var id uuid.UUID
	var kind, state string
	_, err = pgx.ForEachRow(rows, []any{&id, &kind, &state}, func() error {
		f.broken("job %s of kind %s is still %s", id, kind, state)
		return nil
	})
	if err != nil {
		return err
	}
	accepted := slices.Clone(e.accepted)
	for _, u := range e.uploads {
		accepted = append(accepted, u.job)
	}
	gone, err := notOnRecord(ctx, e.pool, accepted)
	if err != nil {
		return err
	}
	for _, id := range gone {
		f.broken("job %s was accepted, and is not on record", id)
	}
	var n int
	err = e.pool.QueryRow(ctx, `SELECT count(*) FROM jobs`).Scan(&n)
	f.Checked = fmt.Sprintf("%d accepted, %d jobs on record", len(accepted), n)
	return err
}

// notOnRecord are those of the jobs that the table doesn't have.
func notOnRecord(ctx context.Context, pool *db.Pool, ids []uuid.UUID) (gone []uuid.UUID, err error) {
	err = db.InTx(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `CREATE TEMPORARY TABLE chaos_accepted (id uuid NOT NULL) ON COMMIT DROP`); err != nil {
			return err
		}
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"chaos_accepted"}, []string{"id"},
			pgx.CopyFromSlice(len(ids), func(i int) ([]any, error) { return []any{ids[i]}, nil }))
		if err != nil {
			return err
		}
		// Otherwise the planner would take it for a small table.
		if _, err := tx.Exec(ctx, `ANALYZE chaos_accepted`); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, `SELECT id FROM chaos_accepted a WHERE NOT EXISTS (SELECT FROM jobs j WHERE j.id = a.id)`)
		if err != nil {
			return err
		}
		gone, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		return err
	})
	return gone, err
}

func effectsOnce(ctx context.Context, e evidence, f *finding) error {
	rows, err := e.pool.Query(ctx, `
		SELECT job, state, effects FROM (
			SELECT coalesce(j.id, e.job_id) AS job, coalesce(j.state, 'not on record') AS state, count(e.job_id) AS effects
			FROM (SELECT id, state FROM jobs WHERE kind = $1) j FULL JOIN chaos_effects e ON e.job_id = j.id
			GROUP BY 1, 2) booked
		WHERE effects <> CASE WHEN state = 'succeeded' THEN 1 ELSE 0 END`, transfer.Name)
	if err != nil {
		return err
	}
	var id uuid.UUID
	var state string
	var effects int
	_, err = pgx.ForEachRow(rows, []any{&id, &state, &effects}, func() error {
		f.broken("transfer %s is %s and has %d effects", id, state, effects)
		return nil
	})
	if err != nil {
		return err
	}
	var n int
	err = e.pool.QueryRow(ctx, `SELECT count(*) FROM jobs WHERE kind = $1 AND state = 'succeeded'`, transfer.Name).Scan(&n)
	f.Checked = fmt.Sprintf("%d transfers", n)
	return err
}

func ledgerSum(ctx context.Context, e evidence, f *finding) error {
	var total, moved, done int64
	err := e.pool.QueryRow(ctx, `
		SELECT sum(balance), sum(balance - $2) FILTER (WHERE id >= $3), (SELECT count(*) FROM jobs WHERE kind = $1 AND state = 'succeeded')
		FROM chaos_accounts`, transfer.Name, funds, accounts).Scan(&total, &moved, &done)
	if err != nil {
		return err
	}
	if want := int64(2 * accounts * funds); total != want {
		f.broken("the accounts hold %d in all, and began with %d", total, want)
	}
	if moved != done {
		f.broken("%d was moved by %d transfers", moved, done)
	}
	f.Checked = fmt.Sprintf("%d moved", moved)
	return nil
}

func uploadsThere(ctx context.Context, e evidence, f *finding) error {
	files, sums := make([]uuid.UUID, len(e.uploads)), make([][]byte, len(e.uploads))
	for i, u := range e.uploads {
		files[i], sums[i] = u.file, u.sum[:]
	}
	rows, err := e.pool.Query(ctx, `
		SELECT sent.id, coalesce(f.status, ''), f.sha256 IS DISTINCT FROM sent.sum
		FROM unnest($1::uuid[], $2::bytea[]) AS sent (id, sum) LEFT JOIN files f ON f.id = sent.id
		WHERE f.status IS DISTINCT FROM 'clean' OR f.sha256 IS DISTINCT FROM sent.sum`, files, sums)
	if err != nil {
		return err
	}
	var id uuid.UUID
	var status string
	var differs bool
	_, err = pgx.ForEachRow(rows, []any{&id, &status, &differs}, func() error {
		switch {
		case status == "":
			f.broken("file %s was accepted, and is not on record", id)
		case status != "clean":
			f.broken("file %s is %s", id, status)
		case differs:
			f.broken("file %s has another content than was sent", id)
		}
		return nil
	})
	f.Checked = fmt.Sprintf("%d files", len(e.uploads))
	return err
}

func failuresExplained(ctx context.Context, e evidence, f *finding) error {
	rows, err := e.pool.Query(ctx, `
		SELECT id, kind, state, coalesce(error_code, ''), coalesce(error_message, '') FROM jobs
		WHERE state IN ('failed', 'cancelled') AND (coalesce(error_code, '') = '' OR coalesce(error_message, '') = '')`)
	if err != nil {
		return err
	}
	var id uuid.UUID
	var kind, state, code, message string
	_, err = pgx.ForEachRow(rows, []any{&id, &kind, &state, &code, &message}, func() error {
		f.broken("job %s of kind %s is %s with code %q and message %q", id, kind, state, code, message)
		return nil
	})
	if err != nil {
		return err
	}
	var n int
	err = e.pool.QueryRow(ctx, `SELECT count(*) FROM jobs WHERE state IN ('failed', 'cancelled')`).Scan(&n)
	f.Checked = fmt.Sprintf("%d failed", n)
	return err
}

func recoveredInTime(_ context.Context, e evidence, f *finding) error {
	for _, h := range e.happenings {
		if h.Stuck > 0 {
			f.broken("%s (%s): %d jobs had not ended after %s", h.Kind, h.Target, h.Stuck, recoverWithin)
		}
	}
	f.Checked = fmt.Sprintf("%d faults", len(e.happenings))
	return nil
}

func noneEnded(_ context.Context, e evidence, f *finding) error {
	for _, name := range e.ended {
		f.broken("%s ended, and nobody had ended it", name)
	}
	f.Checked = fmt.Sprintf("%d processes", apis+workers+schedulers)
	return nil
}
