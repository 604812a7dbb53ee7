package chaos

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/devstack"
)

const (
	apis, workers, schedulers = 2, 3, 2
	workerConcurrency         = "32"
)

// stage is the private Rohrpost: servers, processes, and the wires between them.
type stage struct {
	log      *slog.Logger
	stack    *devstack.Stack
	postgres *devstack.Postgres
	redis    *devstack.Redis // whichever is the master
	replica  *devstack.Redis // nil unless there is a failover
	front    *front          // before the master
	clamd    *devstack.Clamd
	proxies  *toxiproxy.ApiServer
	nodes    []*node
	storage  string

	// Our own doors, which no fault is in the way of.
	pool *db.Pool
	rdb  *redis.Client

	watching context.CancelFunc
	watchers sync.WaitGroup

	mu    sync.Mutex // guards ended
	ended []string   // processes that nobody had ended
}

// needs are the parts that only some faults need.
type needs struct{ disk, replica bool }

// open starts everything. program is the path of the program whose processes are run; dir keeps what they write, and is
// a temporary folder where it is empty. What was opened when an error came is closed.
func open(ctx context.Context, program, dir string, needs needs, log *slog.Logger) (s *stage, err error) {
	s = &stage{log: log, proxies: newProxies()}
	if s.stack, err = devstack.Open(dir, log); err != nil {
		return nil, err
	}
	opened := s // an error's return has s be nil
	defer func() {
		if err != nil {
			err = errors.Join(err, opened.close())
		}
	}()
	s.storage = filepath.Join(s.stack.Dir(), "blobs")
	if needs.disk {
		small, err := s.stack.StartSmallDisk(diskBytes)
		if err != nil {
			return nil, fmt.Errorf("for the fault %s: %w", diskFull, err)
		}
		s.storage = filepath.Join(small.Dir, "blobs")
	}
	servers, starting := errgroup.WithContext(ctx)
	servers.Go(func() (err error) {
		s.postgres, err = s.stack.StartPostgres(starting, devstack.PostgresOptions{Durable: true})
		return err
	})
	servers.Go(func() (err error) {
		s.redis, err = s.stack.StartRedis(starting, devstack.RedisOptions{Persist: true})
		return err
	})
	servers.Go(func() (err error) {
		s.clamd, err = s.stack.StartClamd(starting, devstack.ClamdOptions{OwnSignatures: true})
		return err
	})
	if err := servers.Wait(); err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, s.postgres.URL(), log); err != nil {
		return nil, err
	}
	if s.pool, err = db.Open(ctx, db.Config{URL: s.postgres.URL()}); err != nil {
		return nil, err
	}
	if err := s.openRedis(ctx, needs.replica); err != nil {
		return nil, err
	}
	if err := openBooks(ctx, s.pool); err != nil {
		return nil, err
	}
	return s, s.startNodes(ctx, program)
}

// openRedis makes our own client, and a replica where one is needed.
func (s *stage) openRedis(ctx context.Context, replica bool) (err error) {
	if s.front, err = newFront(s.redis.Address()); err != nil {
		return err
	}
	if s.rdb, err = s.redisAt(s.front.address()); err != nil {
		return err
	}
	if !replica {
		return nil
	}
	s.replica, err = s.stack.StartRedis(ctx, devstack.RedisOptions{Persist: true, PasswordOf: s.redis})
	if err != nil {
		return err
	}
	return s.follow(ctx, s.replica, s.redis)
}

// redisAt is a client for an address; master and replica have the same password.
func (s *stage) redisAt(address string) (*redis.Client, error) {
	options, err := redis.ParseURL(s.redis.URL())
	if err != nil {
		return nil, fmt.Errorf("redis of the private stack: %w", err)
	}
	options.Addr = address
	return redis.NewClient(options), nil
}

func (s *stage) startNodes(ctx context.Context, program string) error {
	// In this order, always: the seed chooses among them by number.
	for _, kind := range []struct {
		role
		count int
	}{{api, apis}, {worker, workers}, {scheduler, schedulers}} {
		for i := range kind.count {
			s.nodes = append(s.nodes, &node{name: string(kind.role) + "-" + strconv.Itoa(i+1), role: kind.role})
		}
	}
	secret := rand.Text() + rand.Text()
	starting, ctx := errgroup.WithContext(ctx)
	for _, n := range s.nodes {
		env, err := s.environment(n, secret)
		if err != nil {
			return err
		}
		starting.Go(func() error { return n.start(ctx, s.stack, program, env) })
	}
	if err := starting.Wait(); err != nil {
		return err
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.watching = stop
	for _, n := range s.nodes {
		s.watchers.Go(func() { n.watch(watching, s.endedByItself) })
	}
	return nil
}

// environment lays the wires of a node and names what lies behind them.
func (s *stage) environment(n *node, secret string) (env []string, err error) {
	if n.database, err = newWire(s.proxies, n.name+"-postgres", s.postgres.Address()); err != nil {
		return nil, err
	}
	if n.cache, err = newWire(s.proxies, n.name+"-redis", s.front.address()); err != nil {
		return nil, err
	}
	database, err := n.database.url(s.postgres.URL())
	if err != nil {
		return nil, err
	}
	cache, err := n.cache.url(s.redis.URL())
	if err != nil {
		return nil, err
	}
	storage, err := blob.FileURL(s.storage)
	if err != nil {
		return nil, err
	}
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.stack.Dir(), "TMPDIR=" + os.TempDir(),
		"DATABASE_URL=" + database, "REDIS_URL=" + cache, "BLOB_URL=" + storage,
		"CLAMD_ADDRESS=" + s.clamd.Address(), "AUTH_SECRET=" + secret, "API_LOGIN_BURST=1000",
		"WORKER_CONCURRENCY=" + workerConcurrency,
		// What a fault made fail is tried again soon, so that the time to recover is the engine's and not the backoff's.
		"QUEUE_RETRY_BASE=500ms", "QUEUE_RETRY_CAP=2s",
	}, nil
}

func (s *stage) endedByItself(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = append(s.ended, name)
}

func (s *stage) of(r role) (found []*node) {
	for _, n := range s.nodes {
		if n.role == r {
			found = append(found, n)
		}
	}
	return found
}

// close ends processes and servers, the last started first.
func (s *stage) close() error {
	if s.watching != nil {
		s.watching()
	}
	s.watchers.Wait()
	if s.pool != nil {
		s.pool.Close()
	}
	var errs []error
	if s.rdb != nil {
		errs = append(errs, s.rdb.Close())
	}
	errs = append(errs, s.stack.Close())
	if s.front != nil {
		s.front.close()
	}
	for _, n := range s.nodes {
		for _, w := range []*wire{n.database, n.cache} {
			if w != nil {
				w.close()
			}
		}
	}
	return errors.Join(errs...)
}
