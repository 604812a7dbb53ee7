package devstack_test

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestRedisComesBackEmptyOnItsPort(t *testing.T) {
	t.Parallel()
	r := stacktest.Redis(t)
	url := r.URL()
	c := redisClient(t, url)
	must(t, c.Set(t.Context(), "k", "v", 0).Err())
	must(t, r.Stop(t.Context()))
	must(t, r.Stop(t.Context()))
	if r.Pid() != 0 {
		t.Error("a stopped server has a pid")
	}
	if err := c.Ping(t.Context()).Err(); err == nil {
		t.Error("a stopped Redis answers")
	}
	must(t, r.Start(t.Context()))
	must(t, r.Start(t.Context()))
	if r.URL() != url {
		t.Errorf("URL %s, want the same as before", r.URL())
	}
	if n, err := c.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("%d keys, %v; want an empty Redis", n, err)
	}
}

func TestPersistentRedisKeepsItsDataForTheNextStack(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for i, want := range []string{"", "kept"} {
		s := open(t, dir)
		r, err := s.StartRedis(t.Context(), devstack.RedisOptions{Persist: true})
		must(t, err)
		c := redisClient(t, r.URL())
		if got := c.Get(t.Context(), "k").Val(); got != want {
			t.Errorf("run %d: %q, want %q", i, got, want)
		}
		must(t, c.Set(t.Context(), "k", "kept", 0).Err())
		must(t, s.Close())
	}
}

func TestRedisAsksForItsPassword(t *testing.T) {
	t.Parallel()
	err := redisClient(t, "redis://"+stacktest.Redis(t).Address()).Ping(t.Context()).Err()
	if err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("got %v", err)
	}
}

func TestAFrozenServerStopsWithoutWaitingForItsGrace(t *testing.T) {
	t.Parallel()
	r := stacktest.Redis(t)
	must(t, syscall.Kill(r.Pid(), syscall.SIGSTOP))
	began := time.Now()
	must(t, r.Stop(t.Context()))
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestAnEarlyEndCarriesTheLastLines(t *testing.T) {
	t.Parallel()
	_, err := stacktest.Own(t).StartRedis(t.Context(), devstack.RedisOptions{Settings: []string{"no-such-setting yes"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-setting") {
		t.Errorf("got %v, want what the server said", err)
	}
}

func TestATakenPortIsTheErrorOfARestart(t *testing.T) {
	t.Parallel()
	r := stacktest.Redis(t)
	must(t, r.Stop(t.Context()))
	l, err := net.Listen("tcp", r.Address())
	must(t, err)
	if err := r.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("got %v", err)
	}
	must(t, l.Close())
	must(t, r.Start(t.Context()))
}

func TestEmbeddedRedisAgesItsKeys(t *testing.T) {
	t.Parallel()
	e, err := devstack.StartEmbeddedRedis()
	must(t, err)
	t.Cleanup(func() { must(t, e.Stop(t.Context())) })
	c := redisClient(t, e.URL())
	must(t, c.Set(t.Context(), "k", "v", 300*time.Millisecond).Err())
	// A list of our own wakes us when the key is gone: BLPOP's own timeout is real time in miniredis.
	for c.Exists(t.Context(), "k").Val() == 1 {
		c.BLPop(t.Context(), time.Second, "nothing")
	}
	must(t, e.Stop(t.Context()))
	must(t, e.Stop(t.Context()))
}
