package express

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
)

// spy notes what the scripts that Asynq calls are taken for.
type spy struct {
	mu   sync.Mutex
	seen map[what][]string
}

func (*spy) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (*spy) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (s *spy) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if isAsynq(cmd) {
			script := parse(cmd)
			s.mu.Lock()
			s.seen[script.what] = append(s.seen[script.what], script.queue)
			s.mu.Unlock()
		}
		return next(ctx, cmd)
	}
}

func (s *spy) saw(w what, queue string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.seen[w], queue)
}

// Fails when another version of Asynq calls its scripts with other keys: the hook would leave them alone then, which is
// right and slow.
func TestTheScriptsOfThisAsynqAreKnown(t *testing.T) {
	t.Parallel()
	opts, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(opts)
	s := &spy{seen: map[what][]string{}}
	rdb.AddHook(s)
	client := asynq.NewClientFromRedisClient(rdb)
	_, err = client.Enqueue(asynq.NewTask("good", nil), asynq.Queue("q"))
	require.NoError(t, err)
	require.True(t, s.saw(handingOver, "q"))
	_, err = client.Enqueue(asynq.NewTask("good", nil), asynq.Queue("q"), asynq.ProcessIn(time.Millisecond))
	require.NoError(t, err)
	_, err = client.Enqueue(asynq.NewTask("endless", nil), asynq.Queue("q"))
	require.NoError(t, err)

	let := make(chan struct{})
	srv := asynq.NewServerFromRedisClient(rdb, asynq.Config{
		Concurrency: 4, Queues: map[string]int{"q": 1}, TaskCheckInterval: time.Millisecond,
		DelayedTaskCheckInterval: 10 * time.Millisecond, LogLevel: asynq.FatalLevel, ShutdownTimeout: time.Millisecond,
	})
	started := make(chan struct{})
	require.NoError(t, srv.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		if task.Type() == "endless" {
			close(started)
			<-let
		}
		return nil
	})))
	<-started
	require.Eventually(t, func() bool {
		return s.saw(taking, "q") && s.saw(done, "q") && s.saw(queueing, "q")
	}, 30*time.Second, 5*time.Millisecond)
	s.mu.Lock()
	delete(s.seen, queueing)
	s.mu.Unlock()
	srv.Shutdown() // puts the endless one back
	require.True(t, s.saw(queueing, "q"))
	close(let)
	require.NoError(t, rdb.Close())
}

func TestWhatIsNotExactlyAsExpectedPassesThrough(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]any{
		"no script":         {"get", "asynq:{q}:pending"},
		"no key of Asynq":   {"evalsha", "x", 2, "a", "b", "c"},
		"another order":     {"evalsha", "x", 2, "asynq:{q}:pending", "asynq:{q}:t:1", 1, 2, 3},
		"another queue":     {"evalsha", "x", 2, "asynq:{q}:t:1", "asynq:{p}:pending", 1, 2, 3},
		"one argument more": {"evalsha", "x", 2, "asynq:{q}:t:1", "asynq:{q}:pending", 1, 2, 3, 4},
		"a unique task":     {"evalsha", "x", 3, "unique", "asynq:{q}:t:1", "asynq:{q}:pending", 1, 2, 3},
		"a strange count":   {"evalsha", "x", "2", "asynq:{q}:t:1", "asynq:{q}:pending", 1, 2, 3},
		"keys that lack":    {"evalsha", "x", 9, "asynq:{q}:t:1", "asynq:{q}:pending"},
	} {
		require.Equal(t, other, parse(redis.NewCmd(t.Context(), args...)).what, name)
	}
	require.Equal(t, handingOver, parse(redis.NewCmd(t.Context(), "evalsha", "x", 2, "asynq:{q}:t:1", "asynq:{q}:pending", 1, 2, 3)).what)
}
