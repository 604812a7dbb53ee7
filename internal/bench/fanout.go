package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/pause"
	"rohrpost/internal/stream"
)

const (
	dialers      = 64 // connections being opened at once
	rounds       = 10 // events that every stream gets
	betweenEach  = 200 * time.Millisecond
	arriveWithin = time.Minute // an event that is not there by then is lost
)

// openStreams are those of a crowd, in the order of their opening: the n-th belongs to visitor n modulo their number.
type openStreams []*sse

func (o openStreams) close() {
	for _, s := range o {
		if s != nil {
			s.close()
		}
	}
}

func (c *crowd) owner(n int) *visitor { return c.visitors[n%len(c.visitors)] }

func (c *crowd) connect(ctx context.Context) (openStreams, error) {
	open := make(openStreams, c.streams)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range dialers {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= c.streams {
					return nil
				}
				s, err := c.owner(n).follow(ctx, "/api/events", "")
				if err != nil {
					return fmt.Errorf("stream %d of %d: %w", n+1, c.streams, err)
				}
				open[n] = s
			}
		})
	}
	return open, group.Wait()
}

// notice is the data of the events that we send.
type notice struct {
	Round int `json:"round"`
}

// fanOut sends each visitor some events, and measures when each of the streams has them.
func (c *crowd) fanOut(ctx context.Context, open openStreams, values trial.Values) error {
	arrivals := newArrivals(rounds)
	group, ctx := errgroup.WithContext(ctx)
	for n, s := range open {
		group.Go(func() error {
			for round := range rounds {
				e, err := s.until(arriveWithin, isNotice)
				if err != nil {
					return fmt.Errorf("event %d on stream %d: %w", round, n, err)
				}
				var got notice
				if err := json.Unmarshal(e.data, &got); err != nil || got.Round != round {
					return fmt.Errorf("stream %d has %s, not event %d: %w", n, e.data, round, err)
				}
				arrivals.take(round)
			}
			return nil
		})
	}
	group.Go(func() error {
		for round := range rounds {
			if err := pause.For(ctx, betweenEach); err != nil {
				return err
			}
			arrivals.sent(round)
			if err := c.tellAll(ctx, round); err != nil {
				return err
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("fan-out: %w", err)
	}
	values[fanOutP50], values[fanOutP99] = trial.Milliseconds(arrivals.h, 50), trial.Milliseconds(arrivals.h, 99)
	return nil
}

func isNotice(e sseEvent) bool { return e.typ == stream.TypeNotice }

// tellAll appends an event to the stream of each visitor, as a worker does.
func (c *crowd) tellAll(ctx context.Context, round int) error {
	batches := make([]stream.Batch, len(c.visitors))
	for i, v := range c.visitors {
		batches[i].Entries = []stream.Entry{entry(v, round)}
	}
	return c.events.AppendAll(ctx, batches...)
}

// tell is tellAll for one visitor.
func (c *crowd) tell(ctx context.Context, i, round int) error {
	return c.events.Append(ctx, 0, entry(c.visitors[i], round))
}

func entry(v *visitor, round int) stream.Entry {
	return stream.Entry{
		Key: stream.User(v.id), Type: stream.TypeNotice, Data: []byte(`{"round":` + strconv.Itoa(round) + `}`), Job: uuid.New(),
	}
}

// arrivals collects the times from sending an event to its arrivals.
type arrivals struct {
	mu sync.Mutex // guards the rest
	at []time.Time
	h  *hdrhistogram.Histogram
}

func newArrivals(n int) *arrivals {
	return &arrivals{at: make([]time.Time, n), h: trial.NewHistogram()}
}

func (a *arrivals) sent(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[n] = time.Now()
}

// take notes that the n-th event has arrived once more.
func (a *arrivals) take(n int) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.h.RecordValue(max(now.Sub(a.at[n]).Microseconds(), 1)) // it holds more than arriveWithin
}
