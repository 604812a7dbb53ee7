// Package scheduler is the door by which the clock comes in: it starts the jobs of schedules, dispatches due jobs, frees
// those of dead workers, finds what Redis lost, and tells it which queues are paused. Any number of schedulers may run;
// each step is a guarded update in PostgreSQL, so that two of them do nothing twice.
package scheduler

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"rohrpost/internal/schedule"
)

// Config sets the pace. Zero values work.
type Config struct {
	// Dispatch is how often waiting jobs are looked for: delayed ones that became due, and what an api process could not
	// dispatch itself; and how often Redis is told which queues are paused. 0 takes 500 ms.
	Dispatch time.Duration `env:"SCHEDULER_DISPATCH"`
	// Reap is how often workers and Redis are checked, 2 s at most: a reaper that looks less often can't tell a silent
	// worker from its own sleep. 0 takes 1 s.
	Reap time.Duration `env:"SCHEDULER_REAP"`
	// Look is how often the schedules are looked at when none is due, for those that somebody changed meanwhile; a tick
	// that is known is waited for exactly. 0 takes 500 ms.
	Look time.Duration `env:"SCHEDULER_LOOK"`
}

const (
	defaultDispatch = 500 * time.Millisecond
	defaultReap     = time.Second
	maxReap         = 2 * time.Second
	defaultLook     = 500 * time.Millisecond
)

// Jobs is what the scheduler needs of the job engine.
type Jobs interface {
	DispatchAll(ctx context.Context) error
	SyncPauses(ctx context.Context) error
	Reap(ctx context.Context) (int, error)
	FindLost(ctx context.Context) (int, error)
}

// Schedules is what the scheduler needs of the schedules.
type Schedules interface {
	Seed(ctx context.Context, builtin []schedule.Spec) error
	Fire(ctx context.Context) (wait time.Duration, err error)
}

// Adviser is what the scheduler needs of the advice on workers.
type Adviser interface {
	Advise(ctx context.Context) error
	Every() time.Duration
}

// Option adds what not every scheduler does.
type Option func(*Scheduler)

// Ticking has the scheduler start the jobs of schedules, too.
func Ticking(schedules Schedules) Option { return func(s *Scheduler) { s.schedules = schedules } }

// Advising has the scheduler say how many workers there should be, too.
func Advising(adviser Adviser) Option { return func(s *Scheduler) { s.adviser = adviser } }

// Scheduler runs the engine's periodic work until it is stopped.
type Scheduler struct {
	jobs      Jobs
	schedules Schedules // nil where it doesn't tick
	adviser   Adviser   // nil where it doesn't advise
	cfg       Config
	log       *slog.Logger

	mu     sync.Mutex // guards cancel
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New makes a scheduler.
func New(jobs Jobs, cfg Config, log *slog.Logger, opts ...Option) *Scheduler {
	if cfg.Dispatch <= 0 {
		cfg.Dispatch = defaultDispatch
	}
	if cfg.Reap <= 0 {
		cfg.Reap = defaultReap
	}
	cfg.Reap = min(cfg.Reap, maxReap)
	if cfg.Look <= 0 {
		cfg.Look = defaultLook
	}
	s := &Scheduler{jobs: jobs, cfg: cfg, log: log}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// Start begins in the background. Starting a running one does nothing.
func (s *Scheduler) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		return
	}
	ctx, s.cancel = context.WithCancel(ctx)
	// Each at its own pace: a Redis that hangs must not keep dead workers from being found.
	s.every(ctx, "dispatch", s.cfg.Dispatch, s.jobs.DispatchAll)
	s.every(ctx, "sync pauses", s.cfg.Dispatch, s.jobs.SyncPauses)
	s.every(ctx, "reap", s.cfg.Reap, func(ctx context.Context) error {
		_, err := s.jobs.Reap(ctx)
		return err
	})
	s.every(ctx, "find lost", s.cfg.Reap, func(ctx context.Context) error {
		_, err := s.jobs.FindLost(ctx)
		return err
	})
	if s.adviser != nil {
		s.every(ctx, "advise on workers", s.adviser.Every(), s.adviser.Advise)
	}
	if s.schedules != nil {
		s.wg.Go(func() { s.tick(ctx) })
	}
}

// Stop ends the work and waits for the steps under way. Stopping twice or unstarted is fine.
func (s *Scheduler) Stop() {
	s.mu.Lock()
	cancel := s.cancel
	s.cancel = nil
	s.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	s.wg.Wait()
}
