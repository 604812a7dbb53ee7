package stream

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	reconnectFirst = 50 * time.Millisecond
	reconnectMost  = time.Second // the longest a healthy Redis waits for us
	channelsPerCmd = 500         // keeps a SUBSCRIBE after a reconnect from being one huge command
	deadPings      = 3           // this many pings without any answer, and the connection counts as dead
)

// connect keeps one pub/sub connection up until ctx ends.
func (h *Hub) connect(ctx context.Context) {
	defer h.shut()
	wait := reconnectFirst
	for ctx.Err() == nil {
		worked, err := h.session(ctx)
		h.lost()
		if ctx.Err() != nil {
			return
		}
		if worked {
			wait = reconnectFirst
		}
		h.log.Warn("stream connection lost", "err", err, "retry_in", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
		wait = min(2*wait, reconnectMost)
	}
}

// session runs one connection until it breaks. go-redis would reconnect by itself, silently in places; a fresh PubSub
// per connection makes it certain that every channel is confirmed, and thereby re-read, again.
func (h *Hub) session(parent context.Context) (worked bool, err error) {
	ctx, cancel := context.WithCancel(parent)
	ps := h.rdb.Subscribe(ctx) // of nothing yet: doesn't connect
	var seen atomic.Int64      // unix ns of the last sign of life
	seen.Store(time.Now().UnixNano())

	var wg sync.WaitGroup
	wg.Go(func() {
		<-ctx.Done()
		_ = ps.Close() // unblocks Receive, which doesn't listen to ctx while it reads
	})
	wg.Go(func() {
		defer cancel()
		h.steer(ctx, ps, &seen)
	})
	defer wg.Wait()
	defer cancel()
	for {
		got, err := ps.Receive(ctx)
		if err != nil {
			return worked, err
		}
		worked = true
		seen.Store(time.Now().UnixNano())
		switch got := got.(type) {
		case *redis.Subscription:
			if got.Kind == "subscribe" {
				h.confirmed(got.Channel)
			}
		case *redis.Message:
			h.dispatch(got.Channel, got.Payload)
		}
	}
}

// steer is the only one who subscribes and unsubscribes on a connection, so that these can't overtake each other, and
// watches over its life. It returns when the connection is no good any more.
func (h *Hub) steer(ctx context.Context, ps *redis.PubSub, seen *atomic.Int64) {
	on := map[string]struct{}{} // what the connection is subscribed to
	add, drop := h.wishes(on, true)
	add = append(add, h.own)
	ticker := time.NewTicker(h.cfg.Ping)
	defer ticker.Stop()
	for {
		if err := tell(ctx, drop, ps.Unsubscribe); err != nil {
			return
		}
		if err := tell(ctx, add, ps.Subscribe); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-h.changed:
			add, drop = h.wishes(on, false)
		case <-ticker.C:
			add, drop = nil, nil
			if time.Since(time.Unix(0, seen.Load())) > deadPings*h.cfg.Ping || ps.Ping(ctx) != nil || h.unheard(ctx) {
				return
			}
		}
	}
}

// wishes returns the channels to subscribe and to unsubscribe, and notes them in on. A topic that went and came back
// before we looked is subscribed once more: that does no harm and brings the confirmation it waits for.
func (h *Hub) wishes(on map[string]struct{}, all bool) (add, drop []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if all {
		for name := range h.topics {
			h.pending[name] = struct{}{}
		}
	}
	for name := range h.pending {
		_, subscribed := on[name]
		if h.topics[name] != nil {
			add = append(add, name)
			on[name] = struct{}{}
		} else if subscribed {
			drop = append(drop, name)
			delete(on, name)
		}
	}
	clear(h.pending)
	return add, drop
}

func tell(ctx context.Context, names []string, command func(context.Context, ...string) error) error {
	for some := range slices.Chunk(names, channelsPerCmd) {
		if err := command(ctx, some...); err != nil {
			return err
		}
	}
	return nil
}
