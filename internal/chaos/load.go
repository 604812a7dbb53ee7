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
	most   int64
	log    *slog.Logger

	mu       sync.Mutex // guards the rest
	given    int64
	accepted []uuid.UUID // the jobs of transactions whose commit was answered
	unsure   int64       // orders of which nobody knows: the answer to their commit didn't come
}

// newBank opens the books to orders, most of them in all and at most perSecond.
func newBank(ctx context.Context, database string, cache redis.UniversalClient, most int64, perSecond float64,
	log *slog.Logger) (*bank, error) {
	pool, err := db.Open(ctx, db.Config{URL: database})
	if err != nil {
		return nil, err
	}
	b := &bank{pool: pool, limit: rate.NewLimiter(rate.Limit(perSecond), mostPerTx), most: most, log: log}
	b.engine = queue.NewEngine(pool, cache, stream.New(cache, stream.Config{}), queue.Config{}, log, nil)
	return b, nil
}

// run gives orders until all are given or ctx ends.
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

// transact gives some orders in one transaction. ok is false when all are given.
func (b *bank) transact(ctx context.Context, random *rand.Rand) (ok bool) {
	count := 1 + random.Int64N(mostPerTx)
	b.mu.Lock()
	count = min(count, b.most-b.given)
	first := b.given
	b.given += count
	b.mu.Unlock()
	if count <= 0 {
		return false
	}
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
		_ = pause(ctx, orderAgain) // run looks at ctx
	}
	return true
}

// hurry has the rest of the orders given as fast as it goes.
func (b *bank) hurry() { b.limit.SetLimit(rate.Inf) }

func (b *bank) close() { b.pool.Close() }
