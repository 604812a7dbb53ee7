package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestMain(m *testing.M) {
	logging.Disable() // go-redis tells of every connection that the tests cut
	stacktest.Main(m)
}

// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
const patience = 20 * time.Second

// server is the real Redis of one test.
type server struct {
	*devstack.Redis
	t testing.TB
}

func startRedis(t testing.TB, settings ...string) *server {
	t.Helper()
	return &server{stacktest.Redis(t, settings...), t}
}

func (s *server) start() {
	s.t.Helper()
	require.NoError(s.t, s.Start(within(s.t)))
}

// options are those of a client, for tests that go there in their own way.
func (s *server) options() *redis.Options {
	opts, err := redis.ParseURL(s.URL())
	require.NoError(s.t, err)
	return opts
}

func (s *server) client() *redis.Client {
	rdb := redis.NewClient(s.options())
	s.t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func startHub(t testing.TB, rdb redis.UniversalClient, cfg Config) *Hub {
	t.Helper()
	h := NewHub(rdb, cfg, nil, nil)
	h.Start(context.Background())
	t.Cleanup(h.Stop)
	return h
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func subscribe(t testing.TB, h *Hub, key Key, after string) *Subscription {
	t.Helper()
	s, err := h.Subscribe(within(t), key, after)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

func next(t testing.TB, s *Subscription) Event {
	t.Helper()
	e, err := s.Next(within(t))
	require.NoError(t, err)
	return e
}

// number makes the n-th entry of a job's stream; numberOf reads n back.
func number(key Key, n int) Entry {
	return Entry{Key: key, Type: TypeToken, Data: json.RawMessage(strconv.Itoa(n))}
}

func numberOf(t testing.TB, e Event) int {
	t.Helper()
	n, err := strconv.Atoi(string(e.Data))
	require.NoError(t, err, "%+v", e)
	return n
}

func appendNumbers(t testing.TB, l *Log, key Key, from, to int) {
	t.Helper()
	for n := from; n <= to; n++ {
		require.NoError(t, l.Append(within(t), 0, number(key, n)))
	}
}

func wantNumbers(t testing.TB, s *Subscription, from, to int) (last Event) {
	t.Helper()
	for n := from; n <= to; n++ {
		last = next(t, s)
		require.Equal(t, n, numberOf(t, last), "%+v", last)
	}
	return last
}

func wantReload(t testing.TB, s *Subscription) Event {
	t.Helper()
	e := next(t, s)
	require.Equal(t, TypeReload, e.Type, "%+v", e)
	return e
}

// wantNumbersAfterReloads is for a log that was lost and begun anew: a reader may hear of the one and of the other.
func wantNumbersAfterReloads(t testing.TB, s *Subscription, from, to int) (first Event) {
	t.Helper()
	e := wantReload(t, s)
	first = e
	for e.Type == TypeReload {
		e = next(t, s)
	}
	require.Equal(t, from, numberOf(t, e), "%+v", e)
	wantNumbers(t, s, from+1, to)
	return first
}

// wantNothing checks that nothing is queued: a marker appended now must be what comes next.
func wantNothing(t testing.TB, l *Log, s *Subscription) {
	t.Helper()
	require.NoError(t, l.Append(within(t), 0, Entry{Key: s.key, Type: TypeNotice, Data: json.RawMessage(`"marker"`)}))
	require.Equal(t, TypeNotice, next(t, s).Type)
}

func wantEnd(t testing.TB, s *Subscription) {
	t.Helper()
	_, err := s.Next(within(t))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, s.Err())
}

func end(key Key) Entry {
	return Entry{Key: key, Type: TypeResult, Data: json.RawMessage(`{}`), End: true}
}

func newJob() Key { return Job(uuid.New()) }

// drain reads numbers until the end, checking that each follows the one before. It is for goroutines.
func drain(ctx context.Context, s *Subscription, last int) (int, error) {
	for {
		e, err := s.Next(ctx)
		if errors.Is(err, io.EOF) {
			return last, nil
		} else if err != nil {
			return last, err
		}
		if e.End {
			continue
		}
		n, err := strconv.Atoi(string(e.Data))
		if err != nil || n != last+1 {
			return last, fmt.Errorf("%d, then %+v", last, e)
		}
		last = n
	}
}
