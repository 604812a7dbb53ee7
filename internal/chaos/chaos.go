package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"rohrpost/internal/pause"
)

// Options says what to break and for how long. Zero values work but for Out.
type Options struct {
	Seed   uint64        // chooses faults, targets, times and work; 0 takes one by random, and it is printed
	For    time.Duration // how long faults follow one another, each once at least; 0 takes 2 minutes
	Jobs   int64         // transfers, spread over that time, at least; 0 takes 50 a second
	Faults []string      // the kinds, in this order; none takes all, in random order
	Dir    string        // keeps the servers' data and all logs; empty takes a temporary folder that is removed
	JSON   bool
	Out    io.Writer
}

const (
	defaultFor    = 2 * time.Minute
	usualRate     = 50              // transfers a second
	settledWithin = 2 * time.Minute // without one job less to do
)

// Run breaks things and checks the invariants. It returns an error with the seed when one is broken.
func Run(ctx context.Context, opts Options, log *slog.Logger) (err error) {
	kinds, err := chosenFaults(opts.Faults)
	if err != nil {
		return err
	}
	if opts.For <= 0 {
		opts.For = defaultFor
	}
	if opts.Jobs <= 0 {
		opts.Jobs = int64(usualRate * opts.For.Seconds())
	}
	if opts.Seed == 0 {
		opts.Seed = uint64(rand.Uint32()) + 1
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("where this program is: %w", err)
	}
	opts.say("seed %d", opts.Seed)
	has := func(name string) bool {
		return slices.ContainsFunc(kinds, func(k faultKind) bool { return k.name == name })
	}
	if len(opts.Faults) == 0 && !smallDisks(log) {
		opts.say("no disk is filled: that needs Linux, and root or user namespaces")
		kinds = slices.DeleteFunc(slices.Clone(kinds), func(k faultKind) bool { return k.name == diskFull })
	}
	s, err := open(ctx, program, opts.Dir, needs{disk: has(diskFull), replica: has(redisFailover)}, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r, err := s.play(ctx, opts, kinds)
	if err != nil {
		return fmt.Errorf("with --seed %d: %w", opts.Seed, err)
	}
	if opts.JSON {
		err = r.writeJSON(opts.Out)
	} else {
		err = r.writeTable(opts.Out)
	}
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if n := r.broken(); n > 0 {
		return fmt.Errorf("%d of %d invariants are broken; again with: %s", n, len(r.Findings), opts.command())
	}
	return nil
}

// say tells how it goes, to people. What is one line is written at once.
func (o Options) say(format string, args ...any) {
	if !o.JSON {
		_, _ = io.WriteString(o.Out, fmt.Sprintf(format+"\n", args...)) // who doesn't listen misses it
	}
}

// command runs the same again.
func (o Options) command() string {
	line := fmt.Sprintf("rohrpost chaos --seed %d --for %s --jobs %d", o.Seed, o.For, o.Jobs)
	if len(o.Faults) > 0 {
		line += " --faults " + strings.Join(o.Faults, ",")
	}
	return line
}

// play runs work and faults side by side, waits until the work has ended, and closes the books.
func (s *stage) play(ctx context.Context, opts Options, kinds []faultKind) (report, error) {
	database, cache, err := s.ownWires()
	if err != nil {
		return report{}, err
	}
	defer cache.Close() //nolint:errcheck // nothing is pending on it
	rate := float64(opts.Jobs) / opts.For.Seconds()
	b, err := newBank(ctx, database, cache, opts.Jobs, rate, slog.New(slog.DiscardHandler))
	if err != nil {
		return report{}, err
	}
	defer b.close()
	v := newVisitor(s.of(api))

	began := time.Now()
	working, stop := context.WithCancel(ctx)
	defer stop()
	var work, beside sync.WaitGroup
	work.Go(func() { b.run(working, opts.Seed) })
	beside.Go(func() { v.run(working) })
	m := &meter{stage: s, bank: b, began: began, say: opts.say}
	beside.Go(func() { m.run(working) })
	var happenings []happening
	d := &director{
		stage: s, began: began, kinds: kinds, shuffle: len(opts.Faults) == 0, random: rand.New(rand.NewPCG(opts.Seed, 1)),
		told: func(h happening) {
			happenings = append(happenings, h)
			opts.say("%8s  %-17s %-22s lasted %7s, recovered after %7s", seconds(h.At), h.Kind, h.Target, seconds(h.Lasted),
				seconds(h.Recovered))
		},
	}
	err = d.run(ctx, began.Add(opts.For))
	r := report{Seed: opts.Seed, Broke: time.Since(began), Meanwhile: b.taken()}
	if err == nil {
		b.finish() // the rest of the orders is given in peace
		work.Wait()
	}
	stop()
	work.Wait()
	beside.Wait()
	if err != nil {
		return report{}, err
	}
	r.Lasted, r.Accepted, r.Unsure, r.Uploads, r.Refused = time.Since(began), len(b.accepted), b.unsure, len(v.taken), v.refused
	r.Faults, r.Happenings = recoveries(happenings), happenings
	if r.TidyAfter, err = s.settle(ctx); err != nil {
		return report{}, err
	}
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	r.Findings, err = verify(ctx, evidence{
		pool: s.pool, rdb: s.rdb, accepted: b.accepted, uploads: v.taken, happenings: happenings, ended: ended,
	})
	if err != nil {
		return report{}, err
	}
	r.Reasons, err = s.reasons(ctx)
	return r, err
}

// ownWires are our own connections for giving orders; they can be cut like those of the processes.
func (s *stage) ownWires() (database string, cache *redis.Client, err error) {
	n := &node{name: "bank"}
	if n.database, err = newWire(s.proxies, "bank-postgres", s.postgres.Address()); err != nil {
		return "", nil, err
	}
	if n.cache, err = newWire(s.proxies, "bank-redis", s.front.address()); err != nil {
		return "", nil, err
	}
	s.nodes = append(s.nodes, n)
	if database, err = n.database.url(s.postgres.URL()); err != nil {
		return "", nil, err
	}
	cache, err = s.redisAt(n.cache.at)
	return database, cache, err
}

// settle waits until no job is unfinished, and then until Redis is tidy, and returns how long the latter took. That
// either doesn't come about is for the invariants to tell.
func (s *stage) settle(ctx context.Context) (time.Duration, error) {
	least, since := int64(math.MaxInt64), time.Now()
	for time.Since(since) < settledWithin {
		left, err := s.unfinished(ctx, ever)
		if err != nil {
			return 0, err
		}
		if left == 0 {
			break
		}
		if left < least {
			least, since = left, time.Now()
		}
		if err := pause.For(ctx, watchEvery); err != nil {
			return 0, err
		}
	}
	began := time.Now()
	err := awaitNothingLeft(ctx, s.rdb)
	return time.Since(began), err
}

// reasons counts the failed jobs by kind and code.
func (s *stage) reasons(ctx context.Context) (map[string]int, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT kind || ' ' || coalesce(error_code, '?'), count(*) FROM jobs WHERE state IN ('failed', 'cancelled') GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("reasons of failures: %w", err)
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var reason string
		var n int
		if err := rows.Scan(&reason, &n); err != nil {
			return nil, fmt.Errorf("reasons of failures: %w", err)
		}
		counts[reason] = n
	}
	return counts, rows.Err()
}
