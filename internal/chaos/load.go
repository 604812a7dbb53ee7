package chaos

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"

	"rohrpost/db"
	"rohrpost/internal/pause"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

const (
	clerks       = 4 // that give orders at once
	mostPerTx    = 10
	orderTimeout = 10 * time.Second
	orderAgain   = 100 * time.Millisecond // after an order that failed
)

// bank gives the orders, as an api would: in transactions of its own, over a network that breaks.
type bank struct {
	pool   *db.Pool
	engine *queue.Engine
	limit  *rate.Limiter
	least  int64
	log    *slog.Logger

	mu       sync.Mutex // guards the rest
	closing  bool       // only what is missing to the least is still given
	given    int64
	accepted []uuid.UUID // the jobs of transactions whose commit was answered
	unsure   int64       // orders of which nobody knows: the answer to their commit didn't come
}

// newBank takes orders, at least so many in all and at most perSecond while things break.
func newBank(ctx context.Context, database string, cache redis.UniversalClient, least int64, perSecond float64,
	log *slog.Logger) (*bank, error) {
	pool, err := db.Open(ctx, db.Config{URL: database})
	if err != nil {
		return nil, err
	}
	b := &bank{pool: pool, limit: rate.NewLimiter(rate.Limit(perSecond), mostPerTx), least: least, log: log}
	b.engine = queue.NewEngine(pool, cache, stream.New(cache, stream.Config{}), queue.Config{}, log, nil)
	return b, nil
}

// run gives orders until [bank.finish] was called and enough are given, or ctx ends.
func (b *bank) run(ctx context.Context, seed uint64) {
	b.engine.Start(context.WithoutCancel(ctx))
	defer b.engine.Stop()
	var working sync.WaitGroup
	for clerk := range clerks {
		working.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(clerk)+100))
			for ctx.Err() == nil && b.transact(ctx, random) {
			}
		})
	}
	working.Wait()
}

// transact gives some orders in one transaction. ok is false when enough are given.
func (b *bank) transact(ctx context.Context, random *rand.Rand) (ok bool) {
	count := 1 + random.Int64N(mostPerTx)
	b.mu.Lock()
	if b.closing {
		count = min(count, b.least-b.given)
	}
	if count <= 0 {
		b.mu.Unlock()
		return false
	}
	first := b.given
	b.given += count
	b.mu.Unlock()
	if b.limit.WaitN(ctx, int(count)) != nil {
		b.mu.Lock()
		b.unsure += count
		b.mu.Unlock()
		return false
	}
	orders := make([]order, count)
	for i := range orders {
		orders[i] = order{
			Number: first + int64(i), From: random.IntN(accounts), To: accounts + random.IntN(accounts), TakeMS: random.IntN(40),
		}
	}
	within, cancel := context.WithTimeout(ctx, orderTimeout)
	defer cancel()
	var ids []uuid.UUID
	owner := uuid.NewSHA1(uuid.Nil, []byte{byte(random.IntN(8))})
	err := db.InTx(within, b.pool, func(tx pgx.Tx) error {
		ids = nil
		for _, o := range orders {
			job, err := queue.Enqueue(within, tx, transfer, o, queue.By(owner))
			if err != nil {
				return err
			}
			ids = append(ids, job.ID)
		}
		return nil
	})
	b.mu.Lock()
	if err == nil {
		b.accepted = append(b.accepted, ids...)
	} else {
		b.unsure += count
	}
	b.mu.Unlock()
	if err != nil {
		b.log.Debug("orders not taken", "orders", count, "err", err)
		_ = pause.For(ctx, orderAgain) // run looks at ctx
	}
	return true
}

// finish has what is missing to the least number of orders given as fast as it goes, and no more.
func (b *bank) finish() {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
	b.limit.SetLimit(rate.Inf)
}

func (b *bank) close() { b.pool.Close() }
