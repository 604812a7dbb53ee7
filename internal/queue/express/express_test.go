package express_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue/express"
)

const patience = 30 * time.Second

func TestMain(m *testing.M) {
	logging.Disable() // go-redis tells of every connection that the tests cut
	stacktest.Main(m)
}

// house is a Redis with clients and servers of Asynq on express lines.
type house struct {
	t      testing.TB
	server *devstack.Redis
	rdb    *redis.Client
	client *asynq.Client
	sent   int
}

func open(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, server: stacktest.Redis(t)}
	opts, err := redis.ParseURL(h.server.URL())
	require.NoError(t, err)
	h.rdb = redis.NewClient(opts)
	t.Cleanup(func() { _ = h.rdb.Close() })
	line := express.Sending(h.rdb)
	h.client = asynq.NewClientFromRedisClient(line)
	t.Cleanup(func() { require.NoError(t, line.Stop(context.Background())) })
	return h
}

func (h *house) send(queue string, n int) {
	h.t.Helper()
	var sent sync.WaitGroup
	for range n {
		h.sent++
		payload := fmt.Appendf(nil, "%s/%d", queue, h.sent)
		sent.Go(func() {
			_, err := h.client.EnqueueContext(h.t.Context(), asynq.NewTask("kind", payload), asynq.Queue(queue), asynq.MaxRetry(5))
			if err != nil {
				h.t.Errorf("%s: %v", payload, err)
			}
		})
	}
	sent.Wait()
}

// worker serves until the test ends or stop is called, and tells what it was given.
func (h *house) worker(queues map[string]int, slots int, handle func(payload string) error) (stop func()) {
	h.t.Helper()
	names := make([]string, 0, len(queues))
	for name := range queues {
		names = append(names, name)
	}
	line := express.Taking(h.rdb, names, func() int { return slots })
	line.Listen(h.t.Context())
	srv := asynq.NewServerFromRedisClient(line, asynq.Config{
		Concurrency: slots, Queues: queues, TaskCheckInterval: time.Millisecond, DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 0 },
		LogLevel:       asynq.FatalLevel, Logger: silent{},
	})
	require.NoError(h.t, srv.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		return handle(string(task.Payload()))
	})))
	stop = sync.OnceFunc(func() {
		require.NoError(h.t, line.Halt(context.Background()))
		srv.Shutdown()
		require.NoError(h.t, line.Stop(context.Background()))
	})
	h.t.Cleanup(stop)
	return stop
}

func (h *house) info(queue string) *asynq.QueueInfo {
	h.t.Helper()
	info, err := asynq.NewInspectorFromRedisClient(h.rdb).GetQueueInfo(queue)
	require.NoError(h.t, err)
	return info
}

func (h *house) eventually(ok func() bool, what string) {
	h.t.Helper()
	require.Eventually(h.t, ok, patience, 5*time.Millisecond, what)
}

// seen counts payloads.
type seen struct {
	mu    sync.Mutex
	times map[string]int
}

func (s *seen) note(payload string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = map[string]int{}
	}
	s.times[payload]++
	return s.times[payload]
}

func (s *seen) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times)
}

func (s *seen) once(t testing.TB, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	require.Len(t, s.times, n)
	for payload, times := range s.times {
		require.Equal(t, 1, times, payload)
	}
}

type silent struct{}

func (silent) Debug(...any) {}
func (silent) Info(...any)  {}
func (silent) Warn(...any)  {}
func (silent) Error(...any) {}
func (silent) Fatal(...any) {}

func TestEveryTaskIsGivenOutOnceAndAsynqCountsThemAsEver(t *testing.T) {
	t.Parallel()
	h := open(t)
	var got seen
	h.send("a", 500)
	require.Equal(t, 500, h.info("a").Pending)
	for range 3 {
		h.worker(map[string]int{"a": 3, "b": 1}, 8, func(payload string) error { got.note(payload); return nil })
	}
	h.send("b", 500)
	h.eventually(func() bool { return got.len() == 1000 }, "all should be given out")
	h.eventually(func() bool {
		a, b := h.info("a"), h.info("b")
		return a.Active+b.Active+a.Size+b.Size == 0 && a.Processed == 500 && b.ProcessedTotal == 500
	}, "and be acknowledged")
	got.once(t, 1000)
	keys, err := h.rdb.Keys(t.Context(), "asynq:{*}:t:*").Result()
	require.NoError(t, err)
	require.Empty(t, keys)
	ttl, err := h.rdb.TTL(t.Context(), "asynq:{a}:processed:"+time.Now().UTC().Format(time.DateOnly)).Result()
	require.NoError(t, err)
	require.Positive(t, ttl, "the day's count should expire")
}

func TestAnIdleWorkerIsWokenAndAsksRedisSeldom(t *testing.T) {
	t.Parallel()
	h := open(t)
	got := make(chan string, 1)
	h.worker(map[string]int{"a": 3, "b": 2, "c": 1}, 4, func(payload string) error { got <- payload; return nil })
	for range 20 {
		h.send("c", 1)
		select {
		case <-got:
		case <-time.After(patience):
			t.Fatal("not woken")
		}
	}
	before, began := h.commands("evalsha"), time.Now()
	h.eventually(func() bool { return h.commands("evalsha") >= before+40 }, "it should look by itself now and then")
	require.Greater(t, time.Since(began), 500*time.Millisecond, "three queues five times a second, and Asynq's own round")
}

// commands is how often Redis has carried out a command.
func (h *house) commands(name string) (n int) {
	h.t.Helper()
	info, err := h.rdb.Info(h.t.Context(), "commandstats").Result()
	require.NoError(h.t, err)
	for line := range strings.Lines(info) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_"+name+":calls="); ok {
			_, err := fmt.Sscanf(rest, "%d", &n)
			require.NoError(h.t, err)
		}
	}
	return n
}

func TestFailedTasksComeBackAndAPutBackOneWakes(t *testing.T) {
	t.Parallel()
	h := open(t)
	var got seen
	h.worker(map[string]int{"a": 1}, 4, func(payload string) error {
		if got.note(payload) < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	h.send("a", 10)
	h.eventually(func() bool { i := h.info("a"); return i.Size == 0 && i.Processed == 30 && i.Failed == 20 }, "all should succeed at last")
}

func TestAPausedQueueStandsStillAndGoesOn(t *testing.T) {
	t.Parallel()
	h := open(t)
	var got seen
	h.worker(map[string]int{"a": 1, "b": 1}, 4, func(payload string) error { got.note(payload); return nil })
	inspector := asynq.NewInspectorFromRedisClient(h.rdb)
	h.send("a", 1)
	h.eventually(func() bool { return got.len() == 1 }, "it should run")
	require.NoError(t, inspector.PauseQueue("a"))
	h.send("a", 10)
	h.send("b", 10)
	h.eventually(func() bool { return got.len() >= 11 }, "the other queue should go on")
	require.Equal(t, 10, h.info("a").Pending)
	require.NoError(t, inspector.UnpauseQueue("a"))
	h.eventually(func() bool { return got.len() == 21 }, "it should go on")
}

func TestWhatAStoppingWorkerTookAheadIsPutBack(t *testing.T) {
	t.Parallel()
	h := open(t)
	for range 20 {
		h.send("a", 1)
	}
	started, let := make(chan string, 1), make(chan struct{})
	stop := h.worker(map[string]int{"a": 1}, 1, func(payload string) error { started <- payload; <-let; return nil })
	<-started
	// One slot, and yet it may have taken more: those wait in vain, and go back while it runs.
	h.eventually(func() bool { i := h.info("a"); return i.Active == 1 && i.Pending == 19 }, "the others should be in line again")
	close(let)
	stop()
	i := h.info("a")
	require.Equal(t, 0, i.Active)
	var got seen
	h.worker(map[string]int{"a": 1}, 4, func(payload string) error { got.note(payload); return nil })
	h.eventually(func() bool { return h.info("a").Size == 0 }, "another worker should do the rest")
}

func TestRedisThatIsWipedCutOffOrStartsAnewDoesNotStopAWorker(t *testing.T) {
	t.Parallel()
	h := open(t)
	var got seen
	h.worker(map[string]int{"a": 1}, 4, func(payload string) error { got.note(payload); return nil })
	h.send("a", 50)
	h.eventually(func() bool { return got.len() == 50 }, "before")

	require.NoError(t, h.rdb.FlushAll(t.Context()).Err())
	require.NoError(t, h.rdb.ScriptFlush(t.Context()).Err())
	require.NoError(t, h.rdb.ClientKillByFilter(t.Context(), "TYPE", "normal", "SKIPME", "yes").Err())
	require.NoError(t, h.rdb.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Err())
	h.client = asynq.NewClientFromRedisClient(express.Sending(h.rdb)) // it told Redis the queue's name once
	h.send("a", 50)
	h.eventually(func() bool { return got.len() == 100 }, "after")
	h.eventually(func() bool { return h.info("a").Size == 0 }, "all acknowledged")
}

func TestACallerWhoseTimeIsUpDoesNotWaitForRedis(t *testing.T) {
	t.Parallel()
	// A Redis that takes connections and says nothing.
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var held sync.WaitGroup
	held.Go(func() {
		for {
			conn, err := mute.Accept()
			if err != nil {
				return
			}
			held.Go(func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() })
		}
	})
	rdb := redis.NewClient(&redis.Options{Addr: mute.Addr().String(), ReadTimeout: 300 * time.Millisecond, MaxRetries: -1, Protocol: 2})
	line := express.Sending(rdb)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = line.EvalSha(ctx, "abc", []string{"asynq:{a}:t:1", "asynq:{a}:pending"}, "msg", "1", 1).Err()
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, line.Stop(context.Background()))
	require.NoError(t, rdb.Close())
	require.NoError(t, mute.Close())
	held.Wait()
}

func TestAnAcknowledgementThatRedisRefusedIsMadeGood(t *testing.T) {
	t.Parallel()
	h := open(t)
	started, let := make(chan struct{}), make(chan struct{})
	h.worker(map[string]int{"a": 1}, 1, func(string) error { close(started); <-let; return nil })
	h.send("a", 1)
	<-started
	allow := func(what string) { require.NoError(t, h.rdb.Do(t.Context(), "ACL", "SETUSER", "default", what).Err()) }
	allow("-evalsha")
	close(let)
	// Whatever else the worker wants is refused too: by then so was the acknowledgement.
	before := h.refused("evalsha")
	h.eventually(func() bool { return h.refused("evalsha") >= before+5 }, "it should try")
	active := func() int64 { return h.rdb.LLen(t.Context(), "asynq:{a}:active").Val() }
	require.EqualValues(t, 1, active())
	allow("+evalsha")
	began := time.Now()
	h.eventually(func() bool { return active() == 0 }, "it should be made good")
	require.Less(t, time.Since(began), 20*time.Second, "before Asynq's recoverer does it")
}

// refused is how often Redis has not carried out a command.
func (h *house) refused(name string) (n int) {
	h.t.Helper()
	info, err := h.rdb.Info(h.t.Context(), "commandstats").Result()
	require.NoError(h.t, err)
	for line := range strings.Lines(info) {
		if rest, ok := strings.CutPrefix(line, "cmdstat_"+name+":"); ok {
			_, rest, _ = strings.Cut(rest, "rejected_calls=")
			_, err := fmt.Sscanf(rest, "%d", &n)
			require.NoError(h.t, err)
		}
	}
	return n
}
