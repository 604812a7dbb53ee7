package stream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// FromNow subscribes to new events only, leaving out what is in the log.
const FromNow = "$"

// parallelReads is how many replays a hub does at once; at 0.2 ms each, that serves 2,000 reconnecting readers in 50 ms.
const parallelReads = 8

// Hub feeds all readers of a process over one pub/sub connection. It is safe for concurrent use.
type Hub struct {
	rdb     redis.UniversalClient
	own     string // a channel that nobody else subscribes to, see unheard
	cfg     Config
	metrics *Metrics
	log     *slog.Logger
	reads   chan struct{} // one token per read under way
	changed chan struct{} // one slot: the channels we want have changed

	mu      sync.Mutex
	running bool                // guarded by mu, like all below
	stopped chan struct{}       // closed when it no longer runs
	cancel  context.CancelFunc  // nil if never started
	topics  map[string]*topic   // by channel; one exists while it has readers
	pending map[string]struct{} // channels whose topic came or went since the connection was told
	wg      sync.WaitGroup
}

// NewHub makes a hub on rdb, which stays the caller's to close, after Stop. metrics and logger may be nil.
func NewHub(rdb redis.UniversalClient, cfg Config, metrics *Metrics, logger *slog.Logger) *Hub {
	if metrics == nil {
		metrics = NewMetrics(nil)
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Hub{
		rdb:     rdb,
		own:     "rohrpost:hub:" + uuid.NewString(),
		cfg:     cfg.withDefaults(),
		metrics: metrics,
		log:     logger,
		reads:   make(chan struct{}, parallelReads),
		changed: make(chan struct{}, 1),
		stopped: make(chan struct{}),
		topics:  map[string]*topic{},
		pending: map[string]struct{}{},
	}
}

// Start connects in the background; it never waits for Redis. The hub runs until Stop is called or ctx ends. It starts
// once: a second call, or one after Stop, does nothing.
func (h *Hub) Start(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.stopped:
		return
	default:
	}
	if h.running {
		return
	}
	ctx, h.cancel = context.WithCancel(ctx)
	h.running = true
	h.wg.Go(func() { h.connect(ctx) })
	h.wg.Go(func() { h.poll(ctx) })
}

// Stop ends all subscriptions with [ErrStopped] and waits for the background work to end. Stopping twice or unstarted
// is fine.
func (h *Hub) Stop() {
	h.mu.Lock()
	cancel := h.cancel
	h.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	h.wg.Wait()
	h.shut()
}

// shut marks the hub as stopped and ends all subscriptions.
func (h *Hub) shut() {
	h.mu.Lock()
	h.running = false
	select {
	case <-h.stopped:
	default:
		close(h.stopped)
	}
	var open []*Subscription
	for _, t := range h.topics {
		open = append(open, t.subs...)
	}
	h.mu.Unlock()
	for _, s := range open {
		s.finish(ErrStopped)
	}
}

// Subscribe reads key's stream: what follows the event with id after, then live events, without gap or repeat. An empty
// after means from the beginning of what is there, [FromNow] new events only. If events are missing (the log was wiped
// or trimmed), the first event is a [TypeReload]; a job's stream then goes on from its start, a user's from now.
//
// A stream that doesn't exist is waited for: ask PostgreSQL whether the job is still to run. ctx bounds subscribing, not
// the subscription, which is the caller's to Close. Errors: [ErrBadID], [ErrStopped], or Redis's, wrapped.
func (h *Hub) Subscribe(ctx context.Context, key Key, after string) (*Subscription, error) {
	s := &Subscription{hub: h, key: key, wake: make(chan struct{}, 1), behind: true}
	if after != FromNow {
		at, err := parsePosition(after)
		if err != nil {
			return nil, err
		}
		s.at = at
	}
	ready, err := h.attach(s)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx, ready, after == FromNow); err != nil {
		s.Close()
		return nil, fmt.Errorf("subscribe to %s: %w", key, err)
	}
	return s, nil
}

// begin waits until Redis has confirmed the channel, and only then reads the log: what is written before the read is in
// the log, what is written after it arrives by the channel.
func (s *Subscription) begin(ctx context.Context, ready <-chan struct{}, fromNow bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.hub.cfg.Timeout)
	defer cancel()
	if ready != nil {
		select {
		case <-ready:
		case <-s.hub.stopped:
			return ErrStopped
		case <-ctx.Done():
			return fmt.Errorf("wait for redis: %w", ctx.Err())
		}
	}
	if fromNow {
		return s.jump(ctx)
	}
	return s.catchUp(ctx)
}
