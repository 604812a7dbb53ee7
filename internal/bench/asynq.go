package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/bench/trial"
)

// raw is Asynq without us.
type raw struct {
	name     string
	interval time.Duration // TaskCheckInterval; 0 is Asynq's default, 1 s
	rdb      redis.UniversalClient
	client   *asynq.Client
	done     atomic.Int64
}

func newRaw(name string, interval time.Duration, rdb redis.UniversalClient) *raw {
	return &raw{name: name, interval: interval, rdb: rdb, client: asynq.NewClientFromRedisClient(rdb)}
}

func (r *raw) Name() string { return r.name }

func (r *raw) Enqueue(ctx context.Context, _ trial.Owner, n int) error {
	payload, err := json.Marshal(number{n})
	if err != nil {
		return err
	}
	_, err = r.client.EnqueueContext(ctx, asynq.NewTask(noop.Name, payload), asynq.Queue(noop.Queue))
	return err
}

// EnqueueMany goes one by one, by several clients: Asynq has no batches.
func (r *raw) EnqueueMany(ctx context.Context, owner trial.Owner, first, n int) error {
	group, ctx := errgroup.WithContext(ctx)
	for i := range rawClients {
		group.Go(func() error {
			for at := first + i; at < first+n; at += rawClients {
				if err := r.Enqueue(ctx, owner, at); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

const rawClients = 8

func (r *raw) Work(_ context.Context, started func(n int)) (func() error, error) {
	srv := asynq.NewServerFromRedisClient(r.rdb, asynq.Config{
		Concurrency: concurrency, Queues: equalWeights(), TaskCheckInterval: r.interval, LogLevel: asynq.ErrorLevel,
	})
	err := srv.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		var at number
		if err := json.Unmarshal(task.Payload(), &at); err != nil {
			return err
		}
		started(at.N)
		r.done.Add(1)
		return nil
	}))
	if err != nil {
		return nil, err
	}
	return func() error { srv.Shutdown(); return nil }, nil
}

// Ended counts the handlers that returned: Asynq keeps no record of a job that succeeded.
func (r *raw) Ended(context.Context) (int, error) { return int(r.done.Load()), nil }

func (r *raw) Reset(ctx context.Context) error {
	r.done.Store(0)
	return r.rdb.FlushAll(ctx).Err()
}

func (r *raw) Commands(ctx context.Context) (int64, error) { return commands(ctx, r.rdb) }

// commands is how many commands Redis has had so far.
func commands(ctx context.Context, rdb redis.UniversalClient) (int64, error) {
	info, err := rdb.Info(ctx, "stats").Result()
	if err != nil {
		return 0, fmt.Errorf("commands of Redis: %w", err)
	}
	return strconv.ParseInt(field(info, "total_commands_processed:"), 10, 64)
}
