package trial

import (
	"context"
	"time"
)

// Queues are the queues of every worker; the jobs are in the first.
var Queues = []string{"bench", "bench2", "bench3", "bench4", "bench5", "bench6"}

// Owner is who has a job enqueued. Engines that don't know owners take no notice.
type Owner int

// The owners of a trial.
const (
	Busy     Owner = iota // has the backlog
	Stranger              // has a single job now and then
)

// Subject is an engine on trial. All its jobs are numbered; its handler does nothing but call started, first thing.
type Subject interface {
	Name() string
	// Enqueue makes one job durable, by itself. Several goroutines call it.
	Enqueue(ctx context.Context, owner Owner, n int) error
	// EnqueueMany makes the jobs from first to first+n-1 durable, in the engine's best way.
	EnqueueMany(ctx context.Context, owner Owner, first, n int) error
	// Work starts a worker of [Queues] and returns how to stop it.
	Work(ctx context.Context, started func(n int)) (stop func() error, err error)
	// Ended tells how many jobs have come to their end since the last reset, by the engine's own record.
	Ended(ctx context.Context) (int, error)
	// Reset forgets all jobs. No worker runs meanwhile.
	Reset(ctx context.Context) error
}

// commander is a subject that knows how many commands Redis has had from all its clients so far.
type commander interface {
	Commands(ctx context.Context) (int64, error)
}

// Servers are what the subjects share.
type Servers struct {
	DatabaseURL string `json:"database_url"`
	RedisURL    string `json:"redis_url"`
	PostgresPid int    `json:"postgres_pid"` // whose processor time is counted, with its children's
	RedisPid    int    `json:"redis_pid"`
}

// Plan says how much to measure in one run.
type Plan struct {
	Single    int           `json:"single"`   // jobs enqueued one by one
	Jobs      int           `json:"jobs"`     // of the drain
	Idle      int           `json:"idle"`     // jobs picked up by an idle worker, at most
	IdleFor   time.Duration `json:"idle_for"` // and no longer than this, where each takes a second
	Rest      time.Duration `json:"rest"`
	Load      time.Duration `json:"load"`
	Backlog   int           `json:"backlog"`
	Strangers int           `json:"strangers"` // jobs of another owner while the backlog lasts, at most
}

// Values are the figures of one run by their keys.
type Values map[string]float64

// The figures.
const (
	EnqueueRate     = "enqueue_jobs_per_second"
	EnqueueManyRate = "enqueue_many_jobs_per_second"
	DrainRate       = "drain_jobs_per_second"
	IdleP50         = "idle_p50_ms"
	IdleP99         = "idle_p99_ms"
	RestWorker      = "rest_worker_cores"
	RestRedis       = "rest_redis_cores"
	RestPostgres    = "rest_postgres_cores"
	RestCommands    = "rest_redis_commands_per_second"
	LoadRate        = "load_jobs_per_second"
	LoadP50         = "load_p50_ms"
	LoadP99         = "load_p99_ms"
	NeighbourP50    = "neighbour_p50_ms"
	NeighbourP99    = "neighbour_p99_ms"
)
