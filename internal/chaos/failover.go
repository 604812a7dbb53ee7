package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"rohrpost/internal/devstack"
	"rohrpost/internal/pause"
)

const (
	linkedWithin = 20 * time.Second // a first copy takes a second
	linkedLook   = 50 * time.Millisecond
)

// failingOver kills the master and puts the replica in its place, as Sentinel does: what the replica had not got yet is
// lost. The old master comes back as the replica of the new one.
func failingOver(s *stage, random *rand.Rand) breakage {
	return breakage{
		target: "to the replica", hold: between(random, 500*time.Millisecond, 3*time.Second),
		begin: func(context.Context) error { s.redis.Kill(); return nil },
		end: func(ctx context.Context) error {
			if err := s.command(ctx, s.replica, "REPLICAOF", "NO", "ONE"); err != nil {
				return err
			}
			s.redis, s.replica = s.replica, s.redis
			s.front.turn(s.redis.Address())
			return nil
		},
		after: func(ctx context.Context) error {
			if err := s.replica.Start(ctx); err != nil {
				return err
			}
			return s.follow(ctx, s.replica, s.redis)
		},
	}
}

// follow makes one Redis the replica of another and returns when it has a copy.
func (s *stage) follow(ctx context.Context, replica, master *devstack.Redis) error {
	host, port, err := net.SplitHostPort(master.Address())
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	if err := s.command(ctx, replica, "REPLICAOF", host, port); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, linkedWithin)
	defer cancel()
	rdb, err := s.redisAt(replica.Address())
	if err != nil {
		return err
	}
	defer rdb.Close() //nolint:errcheck // only read
	for {
		info, err := rdb.Info(ctx, "replication").Result()
		if err == nil && strings.Contains(info, "master_link_status:up") {
			return nil
		}
		if e := pause.For(ctx, linkedLook); e != nil {
			return fmt.Errorf("replica has no copy: %w", errors.Join(e, err))
		}
	}
}

// command tells one Redis, not whichever is the master.
func (s *stage) command(ctx context.Context, server *devstack.Redis, args ...any) error {
	rdb, err := s.redisAt(server.Address())
	if err != nil {
		return err
	}
	defer rdb.Close() //nolint:errcheck // the answer is there
	if err := rdb.Do(ctx, args...).Err(); err != nil && !errors.Is(err, redis.Nil) {
		return fmt.Errorf("%v on %s: %w", args, server.Address(), err)
	}
	return nil
}
