package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"rohrpost/db"
)

// lostBatch is how many tasks Redis is asked about in one round trip.
const lostBatch = 128

// FindLost asks Redis for the jobs that should lie there, due and unclaimed for longer than Config.Lost, and dispatches
// those anew that it lost: it was wiped, evicted them, failed over to an older copy, or a worker took one and died before
// it could claim it. It returns how many it found. While Redis is away it returns the error and changes nothing.
//
// What lies in Redis of a paused queue is looked for when the queue is resumed.
func (e *Engine) FindLost(ctx context.Context) (int, error) { return e.findLost(ctx, e.cfg.Lost, nil) }

// findLost is FindLost for what was handed over longer ago than grace, in one queue or in all of them.
func (e *Engine) findLost(ctx context.Context, grace time.Duration, only *string) (int, error) {
	rows, err := query(ctx, func(ctx context.Context) ([]db.OverdueDispatchedJobsRow, error) {
		return db.New().OverdueDispatchedJobs(ctx, e.pool, db.OverdueDispatchedJobsParams{
			GraceSeconds: grace.Seconds(), OnlyQueue: only,
		})
	})
	if err != nil {
		return 0, fmt.Errorf("find lost jobs: %w", err)
	}
	lines, err := e.lines(ctx, rows)
	if err != nil {
		return 0, fmt.Errorf("find lost jobs: %w", err)
	}
	found := 0
	queues := map[string]struct{}{}
	for len(rows) > 0 {
		some := rows[:min(len(rows), lostBatch)]
		rows = rows[len(some):]
		there, err := e.waiting(ctx, some, lines)
		if err != nil {
			return found, fmt.Errorf("find lost jobs: %w", err)
		}
		var ids []uuid.UUID
		var epochs []int64
		for i, row := range some {
			if !there[i] {
				ids, epochs = append(ids, row.ID), append(epochs, row.Epoch)
				queues[row.Queue] = struct{}{}
			}
		}
		if len(ids) == 0 {
			continue
		}
		n, err := query(ctx, func(ctx context.Context) (int64, error) {
			return db.New().RedispatchLostJobs(ctx, e.pool, db.RedispatchLostJobsParams{Ids: ids, Epochs: epochs})
		})
		if err != nil {
			return found, fmt.Errorf("redispatch lost jobs: %w", err)
		}
		found += int(n)
	}
	if found > 0 {
		e.metrics.lost.Add(float64(found))
		e.log.Warn("jobs that redis lost are dispatched again", "jobs", found)
	}
	var errs []error
	for queue := range queues {
		errs = append(errs, e.Dispatch(ctx, queue))
	}
	return found, errors.Join(errs...)
}

// lines reads the tasks that are in line in the queues of rows. To ask Redis for each task by itself would have it walk
// the line as often, and after an outage of something that jobs need, tens of thousands come back at once.
func (e *Engine) lines(ctx context.Context, rows []db.OverdueDispatchedJobsRow) (map[string]map[string]struct{}, error) {
	ctx, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	lines := map[string]map[string]struct{}{}
	for _, row := range rows {
		if lines[row.Queue] != nil {
			continue
		}
		ids, err := e.rdb.LRange(ctx, asynqKey(row.Queue, "pending"), 0, -1).Result()
		if err != nil {
			return nil, err
		}
		line := make(map[string]struct{}, len(ids))
		for _, id := range ids {
			line[id] = struct{}{}
		}
		lines[row.Queue] = line
	}
	return lines, nil
}

// waiting tells for each job whether a worker will still get its task: it must be in the list or set that its state
// names. An active one has been taken from the line, and yet its job was not claimed; it has some time for that.
func (e *Engine) waiting(ctx context.Context, rows []db.OverdueDispatchedJobsRow,
	lines map[string]map[string]struct{}) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	pipe := e.rdb.Pipeline()
	type answer struct {
		retry, scheduled, lease *redis.FloatCmd
		exists                  *redis.IntCmd
	}
	answers := make([]answer, len(rows))
	for i, row := range rows {
		id := ref{row.ID, row.Epoch}.taskID()
		answers[i] = answer{
			retry:     pipe.ZScore(ctx, asynqKey(row.Queue, "retry"), id),
			scheduled: pipe.ZScore(ctx, asynqKey(row.Queue, "scheduled"), id),
			lease:     pipe.ZScore(ctx, asynqKey(row.Queue, "lease"), id),
			exists:    pipe.Exists(ctx, asynqKey(row.Queue, "t:"+id)),
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	there := make([]bool, len(rows))
	for i, a := range answers {
		for _, err := range []error{a.retry.Err(), a.scheduled.Err(), a.lease.Err(), a.exists.Err()} {
			if err != nil && !errors.Is(err, redis.Nil) {
				return nil, err
			}
		}
		_, inLine := lines[rows[i].Queue][ref{rows[i].ID, rows[i].Epoch}.taskID()]
		inLine = inLine || a.retry.Err() == nil || a.scheduled.Err() == nil || a.lease.Err() == nil && justTaken(a.lease.Val())
		there[i] = inLine && a.exists.Val() > 0
	}
	return there, nil
}

const (
	asynqLease = 30 * time.Second // what Asynq gives a worker for a task, and renews while it runs
	underWay   = 2 * time.Second  // from the line to a claim it takes milliseconds
)

// justTaken tells whether a worker took a task in the last moments, by when its lease ends.
func justTaken(lease float64) bool {
	left := time.Until(time.Unix(int64(lease), 0))
	return left > asynqLease-underWay && left <= asynqLease+underWay
}
