package queue

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

const (
	arrivalPeriod = time.Minute // that an arrival rate looks back on
	arrivalJobs   = 10_000      // the newest jobs are looked at, whatever their queue
)

// Load is what a queue has to do, for whoever decides how many workers there are.
type Load struct {
	Queue   string
	Paused  bool
	Waiting int64         // due, and kept by nothing but the want of a worker
	Oldest  time.Duration // how long the longest waiting of these has been due
	Running int64
	// Arrivals is how many due jobs a second were enqueued, over the last minute.
	Arrivals float64
	// Run is the mean time of its last attempts, 0 where none ended lately.
	Run time.Duration
}

// Loads tells what queues have to do, in the order of their names given.
func (e *Engine) Loads(ctx context.Context, queues []string) ([]Load, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	loads := make([]Load, len(queues))
	at := map[string]*Load{}
	for i, name := range queues {
		loads[i].Queue = name
		at[name] = &loads[i]
	}
	counts, err := db.New().JobCountsByQueue(ctx, e.pool)
	if err != nil {
		return nil, fmt.Errorf("loads of queues: %w", err)
	}
	for _, c := range counts {
		if l := at[c.Queue]; l != nil {
			l.count(c)
		}
	}
	pauses, err := db.New().QueuePauses(ctx, e.pool)
	if err != nil {
		return nil, fmt.Errorf("loads of queues: %w", err)
	}
	for _, pause := range pauses {
		if l := at[pause.Queue]; l != nil {
			l.Paused = true
		}
	}
	if err := e.arrivals(ctx, at); err != nil {
		return nil, fmt.Errorf("loads of queues: %w", err)
	}
	for i := range loads {
		recent, err := e.paceOf(ctx, loads[i].Queue)
		if err != nil {
			return nil, fmt.Errorf("loads of queues: %w", err)
		}
		loads[i].Run = recent.mean()
	}
	return loads, nil
}

func (l *Load) count(c db.JobCountsByQueueRow) {
	switch c.Place {
	case Queued, placeDispatched:
		l.Waiting += c.Jobs
		l.Oldest = max(l.Oldest, time.Since(c.Oldest))
	case Running:
		l.Running = c.Jobs
	}
}

// arrivals fills in the rates. Where more came than are looked at, the rate is that of the time they took to come.
func (e *Engine) arrivals(ctx context.Context, at map[string]*Load) error {
	rows, err := db.New().RecentArrivals(ctx, e.pool, db.RecentArrivalsParams{
		Since: idFrom(time.Now().Add(-arrivalPeriod)), Most: arrivalJobs,
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		period := arrivalPeriod
		if row.LookedAt >= arrivalJobs {
			period = max(time.Since(row.Oldest), time.Second)
		}
		if l := at[row.Queue]; l != nil {
			l.Arrivals = float64(row.Jobs) / period.Seconds()
		}
	}
	return nil
}

// idFrom is the least UUIDv7 of a moment.
func idFrom(moment time.Time) (id uuid.UUID) {
	var stamp [8]byte
	binary.BigEndian.PutUint64(stamp[:], uint64(moment.UnixMilli()))
	copy(id[:], stamp[2:])
	return id
}
