package db

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says how to reach PostgreSQL, and how many connections a process holds to it. Zero values work but for the URL.
type Config struct {
	URL string `env:"DATABASE_URL" secret:"true"`
	// MaxConns bounds the connections of this process. 0 takes 20: one for each of a worker's 16 jobs and four for the
	// engine, where an api process has rarely more statements in flight. All processes together have to stay below the
	// server's max_connections (100 by default), and beyond some four a core more of them only wait for one another there.
	MaxConns int32 `env:"DATABASE_MAX_CONNS"`
	// APIMaxConns and WorkerMaxConns take the place of MaxConns in processes of that kind, where they share an environment.
	APIMaxConns    int32 `env:"DATABASE_API_MAX_CONNS"`
	WorkerMaxConns int32 `env:"DATABASE_WORKER_MAX_CONNS"`
	// MinConns are kept open when there is nothing to do. 0 takes 2: the first request after a quiet night doesn't wait
	// for a handshake, and an idle process takes next to nothing from the others. Below zero, which settings can't be,
	// none is, and each is opened when it is needed.
	MinConns int32 `env:"DATABASE_MIN_CONNS"`
	// ConnectTimeout bounds one connection attempt. 0 takes 5 s.
	ConnectTimeout time.Duration `env:"DATABASE_CONNECT_TIMEOUT"`
	// Wait bounds how long a call waits for a connection when all are taken; then it fails with [ErrBusy]. 0 takes 5 s:
	// statements take milliseconds, so who waits that long stands in a queue that grows, and had better come back later.
	Wait time.Duration `env:"DATABASE_WAIT"`
	// Lifetime is how long a connection is used before a fresh one takes its place, which gives back what its session has
	// piled up in the server, and finds the new primary after a failover behind a name. 0 takes 1 h.
	Lifetime time.Duration `env:"DATABASE_CONN_LIFETIME"`
	// LifetimeJitter is the most that is added to Lifetime, by chance: a uniform one would renew all connections of a fleet
	// at the same moment. 0 takes 10 min.
	LifetimeJitter time.Duration `env:"DATABASE_CONN_LIFETIME_JITTER"`
	// Idle is how long a connection above MinConns may have nothing to do before it is closed, so that what a burst opened
	// is given back. 0 takes 10 min: shorter, and each small burst pays for its handshakes again.
	Idle time.Duration `env:"DATABASE_CONN_IDLE"`
	// HealthCheck is the time between two looks at the idle connections, which close those that are too old and open those
	// below MinConns. 0 takes 1 min, a fraction of the times that it enforces.
	HealthCheck time.Duration `env:"DATABASE_HEALTH_CHECK"`
	// StatementCache is how many prepared statements a connection keeps. 0 takes 512: more than this program has, so that
	// each is parsed once for a connection, at some 20 KB in the server. PgBouncer in transaction mode needs 1.21 or later.
	StatementCache int `env:"DATABASE_STATEMENT_CACHE"`
	// SlowAfter is how long a statement may take before the log tells of it. 0 takes 100 ms: no statement of a request
	// takes that long on a healthy server, and those of reports and exports are known by their names.
	SlowAfter time.Duration `env:"DATABASE_SLOW_AFTER"`
}

// ForAPI is the configuration of an api process.
func (c Config) ForAPI() Config { return c.bounded(c.APIMaxConns) }

// ForWorker is the configuration of a worker process.
func (c Config) ForWorker() Config { return c.bounded(c.WorkerMaxConns) }

// ForCommand is the configuration of a command that somebody waits for: most need one connection and end.
func (c Config) ForCommand() Config {
	if c.MinConns == 0 {
		c.MinConns = -1
	}
	return c
}

func (c Config) bounded(most int32) Config {
	if most > 0 {
		c.MaxConns = most
	}
	return c
}

func (c Config) withDefaults() Config {
	or(&c.MaxConns, 20)
	if c.MinConns == 0 {
		c.MinConns = 2
	}
	c.MinConns = min(max(c.MinConns, 0), c.MaxConns)
	or(&c.ConnectTimeout, 5*time.Second)
	or(&c.Wait, 5*time.Second)
	or(&c.Lifetime, time.Hour)
	or(&c.LifetimeJitter, 10*time.Minute)
	or(&c.Idle, 10*time.Minute)
	or(&c.HealthCheck, time.Minute)
	or(&c.StatementCache, 512)
	or(&c.SlowAfter, 100*time.Millisecond)
	return c
}

// or sets a value that isn't positive to its default.
func or[T int | int32 | time.Duration](value *T, def T) {
	if *value <= 0 {
		*value = def
	}
}

// apply puts the settings where pgx has them.
func (c Config) apply(to *pgxpool.Config) {
	to.MaxConns, to.MinConns = c.MaxConns, c.MinConns
	to.MaxConnLifetime, to.MaxConnLifetimeJitter = c.Lifetime, c.LifetimeJitter
	to.MaxConnIdleTime, to.HealthCheckPeriod = c.Idle, c.HealthCheck
	to.ConnConfig.ConnectTimeout = c.ConnectTimeout
	to.ConnConfig.StatementCacheCapacity = c.StatementCache
	// To compile a plan takes seconds, and no query here runs that long; the planner's estimates of the recursive ones
	// are high enough to try.
	to.ConnConfig.RuntimeParams["jit"] = "off"
}
