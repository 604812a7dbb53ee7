// Package db is the door to PostgreSQL, the truth of everything: the connection pool, transactions with their commit
// signals, migrations, and the typed queries that sqlc generates from the folder queries.
package db

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	pgxuuid "github.com/vgarvardt/pgx-google-uuid/v5"

	"rohrpost/internal/batch"
	"rohrpost/internal/fault"
)

const pingTimeout = 2 * time.Second // a probe asks every few seconds

// Pool is a pool of connections to PostgreSQL that also tells its subscribers what committed.
type Pool struct {
	*pgxpool.Pool

	writes *batch.Group[*Writes, error] // see AtOnce

	mu          sync.RWMutex // guards the rest
	subscribers []func(signals []any)
	advisers    []func(plan any)
}

// Open connects to PostgreSQL and checks that it answers. The caller closes the pool.
func Open(ctx context.Context, cfg Config, options ...Option) (*Pool, error) {
	if cfg.URL == "" {
		return nil, fault.New(fault.Invalid, "DATABASE_URL is not set")
	}
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("parse DATABASE_URL: %w", err)
	}
	cfg = cfg.withDefaults()
	cfg.apply(pc)
	seen := newWatch(cfg, options)
	pc.ConnConfig.Tracer = seen
	pc.AfterConnect = func(_ context.Context, conn *pgx.Conn) error {
		pgxuuid.Register(conn.TypeMap()) // otherwise each id takes the way over its text
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	p := &Pool{Pool: pool}
	p.joinWrites(cfg.Wait)
	// Not as impatient as a probe: this connects first, and a whole process waits to start.
	if err := p.answers(patiently(ctx), pc.ConnConfig.ConnectTimeout+pingTimeout); err != nil {
		pool.Close()
		return nil, err
	}
	seen.show(pool)
	return p, nil
}

// Ready reports whether PostgreSQL answers, with code unavailable where it does not.
func (p *Pool) Ready(ctx context.Context) error {
	return p.answers(ctx, pingTimeout)
}

func (p *Pool) answers(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := p.Ping(ctx); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The database does not answer.")
	}
	return nil
}

// OnCommit subscribes fn to the signals that transactions of this pool raise with [Signal]. It is called after the
// commit, on the committing goroutine, and must not block.
func (p *Pool) OnCommit(fn func(signals []any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.subscribers = append(p.subscribers, fn)
}

// OnAnnounce subscribes fn to what is told with [Announce]. It is called while the transaction is open, and must not block.
func (p *Pool) OnAnnounce(fn func(plan any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advisers = append(p.advisers, fn)
}

// announced does nothing for no pool.
func (p *Pool) announced(plan any) {
	if p == nil {
		return
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, fn := range p.advisers {
		fn(plan)
	}
}

func (p *Pool) committed(signals []any) {
	if len(signals) == 0 {
		return
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	for _, fn := range p.subscribers {
		fn(signals)
	}
}
