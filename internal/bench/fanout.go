package bench

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
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

// noticeData is the data of the events that we send.
func noticeData(round int) []byte { return []byte(`{"round":` + strconv.Itoa(round) + `}`) }

// fanOut sends each visitor some events, and measures when each of the streams has them.
func (c *crowd) fanOut(ctx context.Context, open openStreams, values trial.Values) error {
	arrivals := newArrivals(rounds, len(open))
	want := make([][]byte, rounds)
	for round := range want {
		want[round] = noticeData(round)
	}
	group, ctx := errgroup.WithContext(ctx)
	for n, s := range open {
		group.Go(func() error {
			if err := s.conn.SetReadDeadline(time.Now().Add(arriveWithin)); err != nil {
				return err
			}
			for round := range rounds {
				e, err := s.first(isNotice)
				if err != nil {
					return fmt.Errorf("event %d on stream %d: %w", round, n, err)
				}
				if !bytes.Equal(e.data, want[round]) {
					return fmt.Errorf("stream %d has %s, not event %d", n, e.data, round)
				}
				arrivals.take(n, round)
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
	h := arrivals.histogram()
	values[fanOutP50], values[fanOutP99] = trial.Milliseconds(h, 50), trial.Milliseconds(h, 99)
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
		Key: stream.User(v.id), Type: stream.TypeNotice, Data: noticeData(round), Job: uuid.New(),
	}
}

// arrivals collects the times from sending an event to its arrivals. Readers don't wait for one another.
type arrivals struct {
	began  time.Time
	sentAt []atomic.Int64 // by event, in ns since began
	took   [][]int64      // by reader and event, in µs
}

func newArrivals(events, readers int) *arrivals {
	a := &arrivals{began: time.Now(), sentAt: make([]atomic.Int64, events), took: make([][]int64, readers)}
	for i := range a.took {
		a.took[i] = make([]int64, 0, events)
	}
	return a
}

func (a *arrivals) sent(n int) { a.sentAt[n].Store(int64(time.Since(a.began))) }

// take notes that the n-th event has arrived at a reader.
func (a *arrivals) take(reader, n int) {
	took := time.Since(a.began) - time.Duration(a.sentAt[n].Load())
	a.took[reader] = append(a.took[reader], max(took.Microseconds(), 1))
}

// histogram is of all that has arrived, once the readers are done.
func (a *arrivals) histogram() *hdrhistogram.Histogram {
	h := trial.NewHistogram()
	for _, each := range a.took {
		for _, took := range each {
			_ = h.RecordValue(took) // it holds more than arriveWithin
		}
	}
	return h
}
