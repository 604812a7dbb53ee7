package queue

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
)

// blind is how long the reaper may not have looked before its memory of heartbeats is worth nothing: it was stopped, or
// PostgreSQL was away, and then the workers could not beat either.
const blind = 3 * time.Second

// beats remembers since when each worker has not moved its counter, by our own clock: clocks are never compared.
type beats struct {
	mu     sync.Mutex // guards the rest
	since  map[uuid.UUID]heard
	looked time.Time
}

type heard struct {
	beat int64
	at   time.Time
}

// silent returns the workers that have not beaten for longer than silence.
func (b *beats) silent(rows []db.WorkerBeatsRow, now time.Time, silence time.Duration) []db.WorkerBeatsRow {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.since
	if now.Sub(b.looked) > blind {
		was = nil
	}
	b.since, b.looked = make(map[uuid.UUID]heard, len(rows)), now
	var dead []db.WorkerBeatsRow
	for _, row := range rows {
		last, known := was[row.ID]
		if !known || last.beat != row.Beat {
			last = heard{row.Beat, now}
		}
		b.since[row.ID] = last
		if now.Sub(last.at) > silence {
			dead = append(dead, row)
		}
	}
	return dead
}

// Reap finds workers that died and frees their jobs: they start again with a new epoch, or are set aside with the code
// [Poison] when they took too many workers along. Call it every second or so; several processes may. It returns how many
// jobs it freed.
func (e *Engine) Reap(ctx context.Context) (int, error) {
	rows, err := query(ctx, func(ctx context.Context) ([]db.WorkerBeatsRow, error) { return db.New().WorkerBeats(ctx, e.pool) })
	if err != nil {
		return 0, fmt.Errorf("reap: %w", err)
	}
	for _, w := range e.beats.silent(rows, time.Now(), e.cfg.Silence) {
		removed, err := query(ctx, func(ctx context.Context) (int64, error) {
			return db.New().RemoveSilentWorker(ctx, e.pool, db.RemoveSilentWorkerParams(w))
		})
		if err != nil {
			return 0, fmt.Errorf("reap worker %s: %w", w.ID, err)
		}
		if removed > 0 {
			e.log.Warn("worker is dead", "worker", w.ID, "silent_for", e.cfg.Silence)
		}
	}
	return e.freeJobsOfLostWorkers(ctx)
}

func (e *Engine) freeJobsOfLostWorkers(ctx context.Context) (int, error) {
	most := int32(e.cfg.MaxCrashes)
	again, err := query(ctx, func(ctx context.Context) ([]db.Job, error) {
		return db.New().RequeueJobsOfLostWorkers(ctx, e.pool, most)
	})
	if err != nil {
		return 0, fmt.Errorf("free jobs of dead workers: %w", err)
	}
	for _, job := range again {
		e.metrics.crashes.WithLabelValues(job.Kind).Inc()
		crashed(ctx, job)
		e.log.Warn("job of a dead worker starts again", "job", job.ID, "kind", job.Kind, "crashes", job.Crashes)
	}
	for _, queue := range queuesOf(again) {
		e.Wake(queue) // not from here: Redis may hang, and the next dead worker must be found all the same
	}
	dead, err := e.setAside(ctx, most)
	return len(again) + len(dead), err
}

// setAside fails the jobs of dead workers that have taken too many along. It has a transaction of its own, so that a
// hook that fails keeps no other job from starting again.
func (e *Engine) setAside(ctx context.Context, most int32) ([]db.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	var dead []db.Job
	err := db.InTx(ctx, e.pool, func(tx pgx.Tx) (err error) {
		why := fmt.Sprintf("The job was set aside: its worker died %d times while it ran.", most)
		dead, err = db.New().FailJobsThatKillWorkers(ctx, tx, db.FailJobsThatKillWorkersParams{
			MaxCrashes: most, ErrorMessage: &why,
		})
		if err != nil {
			return err
		}
		for _, job := range dead {
			if err := e.runHooks(ctx, tx, job); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("set aside jobs of dead workers: %w", err)
	}
	for _, job := range dead {
		e.metrics.crashes.WithLabelValues(job.Kind).Inc()
		e.metrics.ended.WithLabelValues(job.Kind, Failed).Inc()
		e.log.Error("job set aside, it kills its workers", "job", job.ID, "kind", job.Kind)
	}
	e.tellNext(dead...) // the others are told about when they are dispatched
	return dead, nil
}

func queuesOf(jobs []db.Job) []string {
	var names []string
	seen := map[string]bool{}
	for _, job := range jobs {
		if !seen[job.Queue] {
			seen[job.Queue] = true
			names = append(names, job.Queue)
		}
	}
	return names
}
