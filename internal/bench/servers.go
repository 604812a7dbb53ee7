package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"rohrpost/db"
	"rohrpost/internal/bench/trial"
	"rohrpost/internal/devstack"
)

// servers are private ones, durable as in production, with our schema.
type servers struct {
	postgres *devstack.Postgres
	redis    *devstack.Redis
	pool     *db.Pool
	rdb      *redis.Client
}

// openServers starts them on the stack, which ends them; the clients are close's.
func openServers(ctx context.Context, stack *devstack.Stack, opts Options) (_ *servers, err error) {
	s := &servers{}
	if s.postgres, err = stack.StartPostgres(ctx, devstack.PostgresOptions{Durable: true}); err != nil {
		return nil, err
	}
	if s.redis, err = stack.StartRedis(ctx, devstack.RedisOptions{}); err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, s.postgres.URL(), opts.Log); err != nil {
		return nil, err
	}
	options, err := redis.ParseURL(s.redis.URL())
	if err != nil {
		return nil, fmt.Errorf("redis of the private stack: %w", err)
	}
	if s.pool, err = db.Open(ctx, db.Config{URL: s.postgres.URL()}); err != nil {
		return nil, err
	}
	s.rdb = redis.NewClient(options)
	return s, nil
}

func (s *servers) close() {
	s.rdb.Close() //nolint:errcheck // nothing is pending on it
	s.pool.Close()
}

// forPeers are the same servers with a database of its own, where another engine finds no tables of ours.
func (s *servers) forPeers(ctx context.Context, name string) (trial.Servers, error) {
	if _, err := s.pool.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return trial.Servers{}, fmt.Errorf("database %s: %w", name, err)
	}
	shared := s.shared()
	shared.DatabaseURL = s.postgres.DatabaseURL(name)
	return shared, nil
}

func (s *servers) shared() trial.Servers {
	return trial.Servers{
		DatabaseURL: s.postgres.URL(), RedisURL: s.redis.URL(), PostgresPid: s.postgres.Pid(), RedisPid: s.redis.Pid(),
	}
}

// closing ends something and keeps the first error.
func closing(err *error, close func() error) { *err = errors.Join(*err, close()) }
