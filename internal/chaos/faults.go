package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"rohrpost/internal/fault"
)

// breakage is one fault as it was chosen: begin does the harm, end undoes it after the time of hold.
type breakage struct {
	kind   string
	target string
	hold   time.Duration
	begin  func(ctx context.Context) error
	end    func(ctx context.Context) error
	after  func(ctx context.Context) error // what is left to be put right once the work goes on; nil is nothing
	// fromBegin takes the time to recover from the beginning: the work is to go on although nobody undoes the harm.
	fromBegin bool
}

// faultKind chooses a target and a duration by random.
type faultKind struct {
	name   string
	choose func(s *stage, random *rand.Rand) breakage
}

// faultKinds are all that there are, in the order in which they are listed.
var faultKinds = []faultKind{
	{"worker-kill", killing(worker)},
	{"api-kill", killing(api)},
	{"scheduler-kill", killing(scheduler)},
	{"worker-freeze", freezing},
	{"redis-restart", restartingRedis},
	{"redis-flush", flushingRedis},
	{redisFailover, failingOver},
	{"postgres-restart", restartingPostgres},
	{"network-cut", harming(cut, 1*time.Second, 8*time.Second)},
	{"network-slow", harming(slow, 3*time.Second, 8*time.Second)},
	{"network-half-open", harming(halfOpen, 2*time.Second, 9*time.Second)},
	{diskFull, fillingDisk},
}

// The kinds that need something of their own: a second Redis, and a small disk, which not every machine has to give.
const (
	redisFailover = "redis-failover"
	diskFull      = "disk-full"
)

// FaultNames are the kinds of faults there are.
func FaultNames() []string {
	names := make([]string, len(faultKinds))
	for i, k := range faultKinds {
		names[i] = k.name
	}
	return names
}

// chosenFaults are the kinds of these names, all where there are none.
func chosenFaults(names []string) ([]faultKind, error) {
	if len(names) == 0 {
		return faultKinds, nil
	}
	var chosen []faultKind
	for _, name := range names {
		i := slices.IndexFunc(faultKinds, func(k faultKind) bool { return k.name == name })
		if i < 0 {
			return nil, fault.New(fault.Invalid, "There is no fault %q. There are: %s.", name, strings.Join(FaultNames(), ", "))
		}
		chosen = append(chosen, faultKinds[i])
	}
	return chosen, nil
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

func oneOf[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// killing is kill -9 for one process of a role, or now and then for all of them.
func killing(r role) func(*stage, *rand.Rand) breakage {
	return func(s *stage, random *rand.Rand) breakage {
		nodes, whose := s.of(r), "each "+string(r)
		if random.IntN(3) > 0 {
			n := oneOf(random, nodes)
			nodes, whose = []*node{n}, n.name
		}
		return breakage{
			target: whose, hold: between(random, time.Second, 4*time.Second), fromBegin: true,
			begin: func(context.Context) error {
				for _, n := range nodes {
					n.kill()
				}
				return nil
			},
			end: func(ctx context.Context) error {
				starting, ctx := errgroup.WithContext(ctx)
				for _, n := range nodes {
					starting.Go(func() error { return n.revive(ctx) })
				}
				return starting.Wait()
			},
		}
	}
}

// freezing stops a worker for longer than it may be silent, so that its jobs are somebody else's when it goes on.
func freezing(s *stage, random *rand.Rand) breakage {
	n := oneOf(random, s.of(worker))
	return breakage{
		target: n.name, hold: between(random, 7*time.Second, 10*time.Second), fromBegin: true,
		begin: func(context.Context) error { return n.freeze() },
		end:   func(context.Context) error { return n.thaw() },
	}
}

func restartingRedis(s *stage, random *rand.Rand) breakage {
	target, begin := "stopped in order", s.redis.Stop
	if random.IntN(2) == 0 {
		target, begin = "killed", func(context.Context) error { s.redis.Kill(); return nil }
	}
	return breakage{target: target, hold: between(random, 500*time.Millisecond, 3*time.Second), begin: begin, end: s.redis.Start}
}

func flushingRedis(s *stage, _ *rand.Rand) breakage {
	return breakage{
		target: "FLUSHALL", fromBegin: true,
		begin: func(ctx context.Context) error {
			if err := s.rdb.FlushAll(ctx).Err(); err != nil {
				return fmt.Errorf("flush redis: %w", err)
			}
			return nil
		},
		end: func(context.Context) error { return nil },
	}
}

// restartingPostgres kills all of PostgreSQL's processes: harder than its immediate shutdown, and recovered from alike.
func restartingPostgres(s *stage, random *rand.Rand) breakage {
	return breakage{
		target: "killed", hold: between(random, 500*time.Millisecond, 3*time.Second),
		begin: func(context.Context) error { s.postgres.Kill(); return nil },
		end: func(ctx context.Context) error {
			defer s.pool.Reset() // our own connections are gone, too
			return s.postgres.Start(ctx)
		},
	}
}

// harming does something to the wires of one process, or to those of all of them.
func harming(troubles []trouble, least, most time.Duration) func(*stage, *rand.Rand) breakage {
	return func(s *stage, random *rand.Rand) breakage {
		nodes, whose := s.nodes, "everybody"
		if random.IntN(3) > 0 {
			n := oneOf(random, s.nodes)
			nodes, whose = []*node{n}, n.name
		}
		server := oneOf(random, []string{"postgres", "redis"})
		each := func(do func(w *wire) error) error {
			var errs []error
			for _, n := range nodes {
				w := n.cache
				if server == "postgres" {
					w = n.database
				}
				errs = append(errs, do(w))
			}
			return errors.Join(errs...)
		}
		return breakage{
			target: whose + " to " + server, hold: between(random, least, most),
			begin: func(context.Context) error { return each(func(w *wire) error { return w.harm(troubles) }) },
			end: func(ctx context.Context) error {
				return each(func(w *wire) error { return w.heal(ctx, troubles) })
			},
		}
	}
}
