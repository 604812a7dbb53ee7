package queue

import (
	"time"

	"rohrpost/db"
)

// Config tunes the engine. Zero values work.
type Config struct {
	// Window is the least number of due jobs of a queue that are kept in Redis; the rest waits in PostgreSQL, where it is
	// shared out among owners. With many workers it grows to eight jobs a slot. 0 takes 64.
	Window int `env:"QUEUE_WINDOW"`
	// Lost is how long a dispatched job may be due and unclaimed before Redis is asked whether it still has it. 0 takes 3 s.
	Lost time.Duration `env:"QUEUE_LOST_AFTER"`
	// Silence is how long a worker may be silent before it counts as dead; it beats every second. 0 takes 5 s.
	Silence time.Duration `env:"QUEUE_WORKER_SILENCE"`
	// MaxCrashes is how many workers a job may take down before it is set aside. 0 takes 3.
	MaxCrashes int `env:"QUEUE_MAX_CRASHES"`
	// RetryBase is the most that the first retry waits; each further one may wait twice as long. 0 takes 2 s.
	RetryBase time.Duration `env:"QUEUE_RETRY_BASE"`
	// RetryCap bounds the wait before a retry. 0 takes 5 min.
	RetryCap time.Duration `env:"QUEUE_RETRY_CAP"`
	// Plain has every job claimed, settled and carried by exchanges of its own, as Asynq does it: slower, and easier to
	// follow when something is looked into.
	Plain bool `env:"QUEUE_PLAIN"`
}

func (c Config) withDefaults() Config {
	or(&c.Window, 64)
	or(&c.Lost, 3*time.Second)
	or(&c.Silence, 5*time.Second)
	or(&c.MaxCrashes, 3)
	or(&c.RetryBase, 2*time.Second)
	or(&c.RetryCap, 5*time.Minute)
	return c
}

// lastChance is how many crashes a job has when the next one sets it aside. Then it is no longer enough that it was there
// when a worker died: an innocent neighbour of a job that kills its workers dies with it each time that both start again.
func (c Config) lastChance() int32 { return int32(max(1, c.MaxCrashes-1)) }

func (c Config) suspect(job db.Job) bool { return job.Crashes >= c.lastChance() }

// UsualConcurrency is how many jobs a worker runs at once where nobody says how many.
const UsualConcurrency = 16

// RunnerConfig tunes a worker's side. Zero values work.
type RunnerConfig struct {
	// Queues are the queues served, with their weights.
	Queues map[string]int `env:"-"`
	// Concurrency is how many jobs run at once. 0 takes 16.
	Concurrency int `env:"WORKER_CONCURRENCY"`
	// Grace is how long running jobs may go on after the worker was told to stop; then they are handed back. 0 takes 10 s.
	Grace time.Duration `env:"WORKER_GRACE"`
	// Heartbeat is the time between two signs of life. 0 takes 1 s.
	Heartbeat time.Duration `env:"WORKER_HEARTBEAT"`
	// Poll is how often an idle worker asks Redis for work where QUEUE_PLAIN is set; otherwise it is woken. 0 takes 20 ms.
	Poll time.Duration `env:"WORKER_POLL"`
	// StopGrace is how long a handler may go on after its context ended, before it is abandoned. 0 takes 10 s.
	StopGrace time.Duration `env:"WORKER_STOP_GRACE"`
}

func (c RunnerConfig) withDefaults() RunnerConfig {
	or(&c.Concurrency, UsualConcurrency)
	or(&c.Grace, 10*time.Second)
	or(&c.Heartbeat, time.Second)
	or(&c.Poll, 20*time.Millisecond)
	or(&c.StopGrace, 10*time.Second)
	return c
}

// or sets a value that isn't positive to its default.
func or[T int | time.Duration](value *T, def T) {
	if *value <= 0 {
		*value = def
	}
}
