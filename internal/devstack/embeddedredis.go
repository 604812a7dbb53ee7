package devstack

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// agePace is how often keys of an embedded Redis grow older; no lease of ours is shorter than some seconds.
const agePace = 250 * time.Millisecond

// EmbeddedRedis is a Redis inside our own process (miniredis), for a first look on a machine without redis-server. It
// costs: everything in it is gone when the process ends (the jobs are not, those are PostgreSQL's), other processes
// should not lean on it, it runs 1,000 to 2,000 jobs a second at most, and keys expire up to 250 ms late. Never test a
// guarantee with it.
type EmbeddedRedis struct {
	server   *miniredis.Miniredis
	password string
	once     sync.Once
	quit     chan struct{}
	done     chan struct{}
}

// StartEmbeddedRedis starts an empty one on a free loopback port. The caller stops it.
func StartEmbeddedRedis() (*EmbeddedRedis, error) {
	server, password := miniredis.NewMiniRedis(), rand.Text()
	server.RequireAuth(password)
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("embedded redis: %w", err)
	}
	e := &EmbeddedRedis{server: server, password: password, quit: make(chan struct{}), done: make(chan struct{})}
	go e.age()
	return e, nil
}

// URL is the address with the password, as REDIS_URL takes it.
func (e *EmbeddedRedis) URL() string { return "redis://:" + e.password + "@" + e.server.Addr() + "/0" }

// Stop ends it and forgets its data. Stopping twice is fine.
func (e *EmbeddedRedis) Stop(context.Context) error {
	e.once.Do(func() {
		close(e.quit)
		<-e.done
		e.server.Close()
	})
	return nil
}

// age moves the clock of the keys: in miniredis they expire by call only, never by themselves.
func (e *EmbeddedRedis) age() {
	defer close(e.done)
	tick := time.NewTicker(agePace)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case now := <-tick.C:
			e.server.FastForward(now.Sub(last))
			last = now
		case <-e.quit:
			return
		}
	}
}
