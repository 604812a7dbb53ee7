package trial

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/pause"
)

// latencies collects the times from an enqueuing to the start of its job.
type latencies struct {
	mu      sync.Mutex // guards the rest
	due     map[int]time.Time
	h       *hdrhistogram.Histogram
	arrived chan struct{} // one for each start
}

func newLatencies(most int) *latencies {
	return &latencies{due: map[int]time.Time{}, h: NewHistogram(), arrived: make(chan struct{}, most)}
}

// NewHistogram holds latencies from a microsecond to some more than startWait, in microseconds with three digits.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, (2 * startWait).Microseconds(), 3)
}

// Milliseconds is a quantile, in percent, of a histogram of [NewHistogram].
func Milliseconds(h *hdrhistogram.Histogram, percent float64) float64 {
	return float64(h.ValueAtQuantile(percent)) / 1000
}

func (l *latencies) enqueued(n int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due[n] = at
}

// started takes the start of a job; those that nobody waits for are left out.
func (l *latencies) started(n int) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	due, waited := l.due[n]
	if !waited {
		return
	}
	delete(l.due, n) // a second start of the same job is none
	if l.h.RecordValue(max(now.Sub(due).Microseconds(), 1)) == nil {
		l.arrived <- struct{}{}
	}
}

func (l *latencies) await(ctx context.Context, n int) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for i := range n {
		select {
		case <-l.arrived:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d jobs started: %w", i, n, ctx.Err())
		}
	}
	return nil
}

// idlePause is the least time between a start and the next enqueuing, in which the worker settles the first.
const idlePause = 5 * time.Millisecond

// idle enqueues one job after the other, at moments that keep step with nobody's polling.
func (r *runner) idle(ctx context.Context) error {
	l := newLatencies(r.plan.Idle)
	moments := rand.New(rand.NewPCG(1, 2))
	until := time.Now().Add(r.plan.IdleFor)
	err := r.working(ctx, l.started, func() error {
		for n := 0; n < r.plan.Idle && (n == 0 || time.Now().Before(until)); n++ {
			if err := pause.For(ctx, idlePause+time.Duration(moments.Int64N(int64(2*idlePause)))); err != nil {
				return err
			}
			l.enqueued(n, time.Now())
			if err := r.subject.Enqueue(ctx, Busy, n); err != nil {
				return err
			}
			if err := l.await(ctx, 1); err != nil {
				return err
			}
		}
		return nil
	})
	r.values[IdleP50], r.values[IdleP99] = Milliseconds(l.h, 50), Milliseconds(l.h, 99)
	return err
}

const tick = time.Millisecond // grain of the open loop

// load enqueues at a fixed rate, whatever the workers do.
func (r *runner) load(ctx context.Context) error {
	// Enqueuing and working share the machine: what both sustain together is less than either alone.
	perSecond := 1 / (1/r.values[EnqueueRate] + 1/r.values[DrainRate]) / 2
	jobs := max(1, int(perSecond*r.plan.Load.Seconds()))
	l := newLatencies(jobs)
	err := r.working(ctx, l.started, func() error {
		due := make(chan int, jobs)
		group, enqueuing := errgroup.WithContext(ctx)
		for range clients {
			group.Go(func() error {
				for n := range due {
					if err := r.subject.Enqueue(enqueuing, Busy, n); err != nil {
						return err
					}
				}
				return nil
			})
		}
		Pace(enqueuing, perSecond, jobs, func(n int, at time.Time) {
			l.enqueued(n, at)
			due <- n
		})
		close(due)
		if err := group.Wait(); err != nil {
			return err
		}
		return l.await(ctx, jobs)
	})
	r.values[LoadRate] = perSecond
	r.values[LoadP50], r.values[LoadP99] = Milliseconds(l.h, 50), Milliseconds(l.h, 99)
	return err
}

// Pace calls fn for each number below n when it is due, with the moment at which it was, until ctx ends.
func Pace(ctx context.Context, perSecond float64, n int, fn func(n int, at time.Time)) {
	began := time.Now()
	for at := 0; at < n; {
		for now := int(time.Since(began).Seconds() * perSecond); at < min(now, n); at++ {
			fn(at, began.Add(time.Duration(float64(at)/perSecond*float64(time.Second))))
		}
		if pause.For(ctx, tick) != nil {
			return
		}
	}
}

// strangerEvery is the time between two jobs of the other owner: rare, so that they don't wait for one another.
const strangerEvery = 20 * time.Millisecond

// neighbour has one owner's backlog worked off while another asks for a single job now and then.
func (r *runner) neighbour(ctx context.Context) error {
	backlog := r.plan.Backlog
	if err := r.subject.EnqueueMany(ctx, Busy, 0, backlog); err != nil {
		return err
	}
	l := newLatencies(r.plan.Strangers)
	gone := newCount(backlog)
	err := r.working(ctx, func(n int) {
		if n < backlog {
			gone.add()
			return
		}
		l.started(n)
	}, func() error {
		asked := 0
		for lasts := true; lasts && asked < r.plan.Strangers; {
			l.enqueued(backlog+asked, time.Now())
			if err := r.subject.Enqueue(ctx, Stranger, backlog+asked); err != nil {
				return err
			}
			asked++
			select {
			case <-gone.reached:
				lasts = false
			default:
				if err := pause.For(ctx, strangerEvery); err != nil {
					return err
				}
			}
		}
		return l.await(ctx, asked)
	})
	r.values[NeighbourP50], r.values[NeighbourP99] = Milliseconds(l.h, 50), Milliseconds(l.h, 99)
	return err
}
