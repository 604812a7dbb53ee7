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

	"rohrpost/db"
	"rohrpost/internal/pause"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

const (
	orderTimeout = 10 * time.Second
	orderAgain   = 100 * time.Millisecond // after an order that failed
	orderWait    = 10 * time.Millisecond  // for the next one to be due

	leastOpen = 200 // orders that may be unfinished
	openFor   = 4   // seconds' worth of orders that may be, where that is more
)

// counter is where orders are given, so many in a transaction.
type counter struct {
	clerks int
	most   int64 // orders in a transaction
	enter  func(ctx context.Context, tx pgx.Tx, orders []order, by queue.Option) ([]uuid.UUID, error)

	perSecond float64
	given     int64 // guarded by bank.mu
}

// bank gives the orders, as an api would: in transactions of its own, over a network that breaks. Some are entered one by
// one, and what a high rate asks for beyond that in bulk. What couldn't be given while something was broken is made up for
// afterwards, as fast as the work is done.
type bank struct {
	pool     *db.Pool
	engine   *queue.Engine
	counters []*counter
	least    int64
	most     int64 // that may ever be unfinished
	log      *slog.Logger

	mu       sync.Mutex // guards the rest
	began    time.Time
	closing  bool        // only what is missing to the least is still given
	numbered int64       // orders, given or not: each try has numbers of its own
	given    int64       // under way, or accepted
	open     int64       // the most that may be unfinished
	undone   int64       // orders, as of late
	accepted []uuid.UUID // the jobs of transactions whose commit was answered; 16 bytes a job
	unsure   int64       // orders of which nobody knows: the answer to their commit didn't come
}

// newBank takes orders, at least so many in all and at most perSecond while things break.
func newBank(ctx context.Context, database string, cache redis.UniversalClient, least int64, perSecond float64,
	log *slog.Logger) (*bank, error) {
	pool, err := db.Open(ctx, db.Config{URL: database})
	if err != nil {
		return nil, err
	}
	b := &bank{
		pool: pool, least: least, most: max(leastOpen, int64(openFor*perSecond)), open: leastOpen, log: log,
		counters: []*counter{{clerks: 4, most: 10, enter: oneByOne, perSecond: min(perSecond, 2*usualRate)}},
	}
	if rest := perSecond - 2*usualRate; rest > 0 {
		b.counters = append(b.counters, &counter{clerks: 2, most: 500, enter: inBulk, perSecond: rest})
	}
	b.engine = queue.NewEngine(pool, cache, stream.New(cache, stream.Config{}), queue.Config{}, log, nil)
	return b, nil
}

func oneByOne(ctx context.Context, tx pgx.Tx, orders []order, by queue.Option) (ids []uuid.UUID, err error) {
	for _, o := range orders {
		job, err := queue.Enqueue(ctx, tx, transfer, o, by)
		if err != nil {
			return nil, err
		}
		ids = append(ids, job.ID)
	}
	return ids, nil
}

func inBulk(ctx context.Context, tx pgx.Tx, orders []order, by queue.Option) ([]uuid.UUID, error) {
	return queue.EnqueueMany(ctx, tx, transfer, orders, by)
}

// run gives orders until [bank.finish] was called and enough are given, or ctx ends.
func (b *bank) run(ctx context.Context, seed uint64) {
	b.engine.Start(context.WithoutCancel(ctx))
	defer b.engine.Stop()
	b.mu.Lock()
	b.began = time.Now()
	b.mu.Unlock()
	var working sync.WaitGroup
	clerk := uint64(100)
	for _, c := range b.counters {
		for range c.clerks {
			clerk++
			random := rand.New(rand.NewPCG(seed, clerk))
			working.Go(func() {
				for ctx.Err() == nil && b.transact(ctx, c, random) {
				}
			})
		}
	}
	working.Wait()
}

// transact gives some orders in one transaction. ok is false when enough are given.
func (b *bank) transact(ctx context.Context, c *counter, random *rand.Rand) (ok bool) {
	first, count := b.next(ctx, c, 1+random.Int64N(c.most))
	if count <= 0 {
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
	err := db.InTx(within, b.pool, func(tx pgx.Tx) (err error) {
		ids, err = c.enter(within, tx, orders, queue.By(owner))
		return err
	})
	b.mu.Lock()
	if err == nil {
		b.accepted = append(b.accepted, ids...)
	} else {
		b.unsure += count
		b.given -= count // others take their place
		c.given -= count
	}
	b.mu.Unlock()
	if err != nil {
		b.log.Debug("orders not taken", "orders", count, "err", err)
		_ = pause.For(ctx, orderAgain) // run looks at ctx
	}
	return true
}

// next waits until count orders are due and there is room for them, and returns the number of the first and how many they
// are: fewer when only those are missing, none when enough are given or ctx has ended.
func (b *bank) next(ctx context.Context, c *counter, count int64) (first, granted int64) {
	for ctx.Err() == nil {
		b.mu.Lock()
		count = min(count, b.open/2) // or it would never fit
		due := float64(c.given+count) <= c.perSecond*time.Since(b.began).Seconds()
		if b.closing {
			due, count = true, min(count, b.least-b.given)
		}
		if due && (count <= 0 || b.undone+count <= b.open) {
			defer b.mu.Unlock()
			if count <= 0 {
				return 0, 0
			}
			first = b.numbered
			b.numbered += count
			b.given += count
			b.undone += count
			c.given += count
			return first, count
		}
		b.mu.Unlock()
		_ = pause.For(ctx, orderWait) // the loop looks at ctx
	}
	return 0, 0
}

// unfinished tells how many jobs were unfinished just now, and how many end in a second as of late. What is open is what ends in
// a few seconds: were it more, the time to recover would be that of a backlog, which says nothing about the fault.
func (b *bank) unfinished(jobs int64, perSecond float64) {
	b.mu.Lock()
	b.undone = jobs
	b.open = min(b.most, max(leastOpen, int64(openFor*perSecond)))
	b.mu.Unlock()
}

// taken is how many orders were accepted by now.
func (b *bank) taken() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.accepted)
}

// finish has what is missing to the least number of orders given as fast as the work is done, and no more.
func (b *bank) finish() {
	b.mu.Lock()
	b.closing = true
	b.mu.Unlock()
}

func (b *bank) close() { b.pool.Close() }
