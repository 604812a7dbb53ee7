package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

// Where an unfinished job is, in JobCountsByQueue. The others are its states.
const (
	placeDelayed    = "delayed"    // not due
	placeDispatched = "dispatched" // due and in Redis
	placeParked     = "parked"     // waits for its limit
)

// State is how a queue stands.
type State struct {
	Queue   string
	Pause   *db.QueuePause // nil unless it is paused
	Waiting int64          // due, and in PostgreSQL for want of room
	InRedis int64          // due, and handed to the workers
	Parked  int64          // waiting for one of their limit to end
	Delayed int64          // not due
	Running int64
	Oldest  *time.Time // since when the longest waiting job is due
	Workers int64      // living ones that serve it
	Slots   int64      // jobs that these can run at once, of all their queues
	// PerMinute is how many of its jobs ended, over the last minutes.
	PerMinute float64
	FailedDay int64 // in the last 24 hours
	Dead      int64 // failed, and not discarded
}

// States tells how queues stand, in the order of their names given.
func (e *Engine) States(ctx context.Context, queues []string) ([]State, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	q := db.New()
	states := make([]State, len(queues))
	at := map[string]*State{}
	for i, name := range queues {
		states[i].Queue = name
		at[name] = &states[i]
	}
	pauses, err := q.QueuePauses(ctx, e.pool)
	if err != nil {
		return nil, fmt.Errorf("states of queues: %w", err)
	}
	for _, pause := range pauses {
		if s := at[pause.Queue]; s != nil {
			s.Pause = &pause
		}
	}
	counts, err := q.JobCountsByQueue(ctx, e.pool)
	if err != nil {
		return nil, fmt.Errorf("states of queues: %w", err)
	}
	for _, c := range counts {
		if s := at[c.Queue]; s != nil {
			s.count(c)
		}
	}
	failures, err := q.FailuresByQueue(ctx, e.pool)
	if err != nil {
		return nil, fmt.Errorf("states of queues: %w", err)
	}
	for _, f := range failures {
		switch s := at[f.Queue]; {
		case s == nil:
		case f.Span == "day":
			s.FailedDay = f.Jobs
		default:
			s.Dead = f.Jobs
		}
	}
	for i := range states {
		if err := e.activity(ctx, &states[i]); err != nil {
			return nil, fmt.Errorf("states of queues: %w", err)
		}
	}
	return states, nil
}

func (s *State) count(c db.JobCountsByQueueRow) {
	switch c.Place {
	case Queued:
		s.Waiting = c.Jobs
	case placeDispatched:
		s.InRedis = c.Jobs
	case placeParked:
		s.Parked = c.Jobs
	case placeDelayed:
		s.Delayed += c.Jobs
		return
	case Running:
		s.Running = c.Jobs
		return
	}
	if s.Oldest == nil || c.Oldest.Before(*s.Oldest) {
		s.Oldest = &c.Oldest
	}
}

func (e *Engine) activity(ctx context.Context, s *State) error {
	force, err := db.New().QueueForce(ctx, e.pool, db.QueueForceParams{
		Queue: s.Queue, SilenceSeconds: e.cfg.Silence.Seconds(),
	})
	if err != nil {
		return err
	}
	s.Workers, s.Slots = force.Workers, force.Slots
	recent, err := e.paceOf(ctx, s.Queue)
	if err != nil {
		return err
	}
	if n, over := recent.ended(time.Now().Add(-ratePeriod)); over > 0 {
		s.PerMinute = float64(n) / over.Minutes()
	}
	return nil
}

// Worker is a living worker process.
type Worker struct {
	db.WorkersRow
	Weights map[string]int // of the queues that it serves
	Running []db.RunningJobsRow
}

// Workers lists the living workers, the oldest first.
func (e *Engine) Workers(ctx context.Context) ([]Worker, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	rows, err := db.New().Workers(ctx, e.pool)
	if err != nil {
		return nil, fmt.Errorf("list workers: %w", err)
	}
	running, err := db.New().RunningJobs(ctx, e.pool)
	if err != nil {
		return nil, fmt.Errorf("list workers: %w", err)
	}
	byWorker := map[uuid.UUID][]db.RunningJobsRow{}
	for _, job := range running {
		if job.WorkerID != nil {
			byWorker[*job.WorkerID] = append(byWorker[*job.WorkerID], job)
		}
	}
	workers := make([]Worker, len(rows))
	for i, row := range rows {
		workers[i] = Worker{WorkersRow: row, Running: byWorker[row.ID]}
		if err := json.Unmarshal(row.Queues, &workers[i].Weights); err != nil {
			return nil, fmt.Errorf("queues of worker %s: %w", row.ID, err)
		}
	}
	return workers, nil
}
