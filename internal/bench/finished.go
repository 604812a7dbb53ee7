package bench

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// finishedJobs makes n jobs that ended in the last month, of 10,000 owners. Their ids are UUIDv7 of those moments.
const finishedJobs = `
INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, state, attempt, result, worker_id, run_at, created_at,
                  dispatched_at, started_at, finished_at)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000a' || lpad(to_hex(n), 15, '0'))::uuid,
       'bench:noop', $2, '{"n": 1}', 8, md5((n % 10000)::text)::uuid, 'succeeded', 1, 'null', md5((n / 100000)::text)::uuid,
       at, at, at, at, at + interval '10 ms'
FROM (SELECT n, now() - interval '1 hour' - ($1::bigint - n) * interval '30 days' / $1::bigint AS at
      FROM generate_series(1, $1::bigint) AS n) AS j`

// prefill puts finished jobs on record, which stay there for all runs.
func (r *rohrpost) prefill(ctx context.Context, n int) error {
	if n == 0 {
		return nil
	}
	if _, err := r.pool.Exec(ctx, finishedJobs, n, noop.Queue); err != nil {
		return fmt.Errorf("%d finished jobs: %w", n, err)
	}
	if _, err := r.pool.Exec(ctx, "VACUUM ANALYZE jobs"); err != nil {
		return fmt.Errorf("%d finished jobs: %w", n, err)
	}
	err := r.pool.QueryRow(ctx, "SELECT id FROM jobs ORDER BY id DESC LIMIT 1").Scan(&r.oldest)
	if err != nil {
		return fmt.Errorf("%d finished jobs: %w", n, err)
	}
	return nil
}

// forget removes the jobs of a trial.
func (r *rohrpost) forget(ctx context.Context) error {
	if r.oldest == uuid.Nil {
		_, err := r.pool.Exec(ctx, "TRUNCATE jobs")
		return err
	}
	for _, statement := range []string{
		"DELETE FROM jobs WHERE id > '" + r.oldest.String() + "'", "TRUNCATE job_history", "VACUUM jobs",
	} {
		if _, err := r.pool.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}
