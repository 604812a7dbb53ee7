package bench

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// raw is Asynq as it comes.
type raw struct {
	label    string
	interval time.Duration // TaskCheckInterval; 0 is Asynq's default, 1 s
	rdb      redis.UniversalClient
	client   *asynq.Client
	done     atomic.Int64
}

func newRaw(label string, interval time.Duration, rdb redis.UniversalClient) *raw {
	return &raw{label: label, interval: interval, rdb: rdb, client: asynq.NewClientFromRedisClient(rdb)}
}

func (r *raw) name() string { return r.label }

func (r *raw) enqueue(ctx context.Context, first, n int) error {
	for i := range n {
		payload, err := json.Marshal(number{first + i})
		if err != nil {
			return err
		}
		if _, err := r.client.EnqueueContext(ctx, asynq.NewTask(noop.Name, payload), asynq.Queue(queueName)); err != nil {
			return err
		}
	}
	return nil
}

func (r *raw) work(_ context.Context, started func(n int)) (func() error, error) {
	srv := asynq.NewServerFromRedisClient(r.rdb, asynq.Config{
		Concurrency: concurrency, Queues: map[string]int{queueName: 1}, TaskCheckInterval: r.interval,
		LogLevel: asynq.ErrorLevel,
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

func (r *raw) ended(context.Context) (int, error) { return int(r.done.Load()), nil }

func (r *raw) reset(ctx context.Context) error {
	r.done.Store(0)
	return r.rdb.FlushAll(ctx).Err()
}
