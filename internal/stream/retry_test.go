package stream

import (
	"bytes"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// lossy passes connections on to Redis. Armed, it lets the next append through and cuts the line instead of passing on
// the answer: Redis has written it, and the client can't know.
type lossy struct {
	net.Listener
	armed atomic.Int32
	cut   atomic.Int32
	wg    sync.WaitGroup
}

func startLossy(t *testing.T, target string) *lossy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &lossy{Listener: l}
	p.wg.Go(func() {
		for {
			client, err := p.Accept()
			if err != nil {
				return
			}
			redis, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				return
			}
			var lose atomic.Bool
			shut := func() { _ = client.Close(); _ = redis.Close() }
			p.wg.Go(func() { defer shut(); p.pass(client, redis, &lose, true) })
			p.wg.Go(func() { defer shut(); p.pass(redis, client, &lose, false) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); p.wg.Wait() })
	return p
}

func (p *lossy) pass(from io.Reader, to io.Writer, lose *atomic.Bool, request bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if request && bytes.Contains(buf[:n], []byte("evalsha")) && p.armed.Load() > 0 {
			p.armed.Add(-1)
			lose.Store(true)
		} else if !request && lose.Load() {
			p.cut.Add(1)
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestAnAnswerLostOnTheWayDoublesNothing(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	proxy := startLossy(t, srv.Address())
	opts := srv.options() // with go-redis's own retries on
	opts.Addr = proxy.Addr().String()
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	log := New(rdb, Config{})
	hub := startHub(t, srv.client(), Config{})
	job, user := newJob(), Key{userKey, newJob().id}
	live := subscribe(t, hub, job, "")
	const total = 30
	for n := 1; n <= total; n++ {
		if n%3 == 0 {
			proxy.armed.Store(int32(1 + n%2)) // once, or twice in a row
		}
		require.NoError(t, log.Append(t.Context(), 1, number(job, n), number(user, n)))
	}
	require.NoError(t, log.Append(t.Context(), 1, end(job)))
	require.GreaterOrEqual(t, proxy.cut.Load(), int32(total/3))
	for _, s := range []*Subscription{live, subscribe(t, hub, job, "")} {
		wantNumbers(t, s, 1, total)
		require.True(t, next(t, s).End)
	}
	wantNumbers(t, subscribe(t, hub, user, ""), 1, total)
	require.EqualValues(t, total, srv.client().XLen(t.Context(), user.String()).Val())
}

func TestAnAnswerLostWithTheScriptForgottenMeanwhileDoublesNothing(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t).client()
	log := New(rdb, Config{})
	job := newJob()
	parts, err := log.parts(0, []Entry{number(job, 1)})
	require.NoError(t, err)
	require.NoError(t, log.run(t.Context(), parts))
	parts[0].done = false // as if the answer hadn't come
	require.NoError(t, rdb.ScriptFlush(t.Context()).Err())
	require.NoError(t, log.run(t.Context(), parts))
	require.EqualValues(t, 1, rdb.XLen(t.Context(), job.String()).Val())
}

func TestAScriptThatRedisForgotIsSentAgain(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	rdb := srv.client()
	log := New(rdb, Config{})
	job, user := newJob(), Key{userKey, newJob().id}
	for n := 1; n <= 3; n++ {
		require.NoError(t, rdb.ScriptFlush(t.Context()).Err())
		require.NoError(t, log.Append(t.Context(), 0, number(job, n), number(user, n)))
	}
	require.EqualValues(t, 3, rdb.XLen(t.Context(), job.String()).Val())
	require.EqualValues(t, 3, rdb.XLen(t.Context(), user.String()).Val())
}

func TestLogsExpire(t *testing.T) {
	t.Parallel()
	rdb := startRedis(t).client()
	log := New(rdb, Config{})
	job := newJob()
	appendNumbers(t, log, job, 1, 1)
	require.InDelta(t, 24*3600, rdb.TTL(t.Context(), job.String()).Val().Seconds(), 60)
	require.NoError(t, log.Append(t.Context(), 1, end(job)))
	require.InDelta(t, 2*3600, rdb.TTL(t.Context(), job.String()).Val().Seconds(), 60)
	require.InDelta(t, 2*3600+60, rdb.TTL(t.Context(), job.fence(job.id)).Val().Seconds(), 60)
}
