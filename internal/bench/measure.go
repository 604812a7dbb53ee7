package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	endPoll   = 5 * time.Millisecond // how often we look whether the last job has ended
	startWait = 2 * time.Minute      // jobs that have not started by then are lost
	tick      = time.Millisecond     // grain of the open loop
)

// drain is how many jobs a second a worker brings to their end when they are all there.
func drain(ctx context.Context, s subject, jobs int) (perSecond float64, err error) {
	if err := s.reset(ctx); err != nil {
		return 0, err
	}
	if err := s.enqueue(ctx, 0, jobs); err != nil {
		return 0, err
	}
	// Counting the ended ones costs the engine something, so it begins when the last one has started.
	started := make(chan struct{}, jobs)
	began := time.Now()
	stop, err := s.work(ctx, func(int) { started <- struct{}{} })
	if err != nil {
		return 0, err
	}
	if err := await(ctx, started, jobs); err != nil {
		return 0, errors.Join(err, stop())
	}
	for {
		n, err := s.ended(ctx)
		if err != nil {
			return 0, errors.Join(err, stop())
		}
		if n >= jobs {
			break
		}
		if err := wait(ctx, endPoll); err != nil {
			return 0, errors.Join(err, stop())
		}
	}
	took := time.Since(began)
	return float64(jobs) / took.Seconds(), stop()
}

// latencies collects the time from before the enqueuing to the handler.
type latencies struct {
	mu      sync.Mutex // guards the rest
	at      map[int]time.Time
	h       *hdrhistogram.Histogram
	arrived chan struct{}
}

func newLatencies() *latencies {
	return &latencies{at: map[int]time.Time{}, h: hdrhistogram.New(1, (2 * time.Minute).Microseconds(), 3),
		arrived: make(chan struct{}, 1<<20)}
}

func (l *latencies) enqueued(n int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at[n] = at
}

func (l *latencies) started(n int) {
	now := time.Now()
	l.mu.Lock()
	_ = l.h.RecordValue(max(now.Sub(l.at[n]).Microseconds(), 1)) // two minutes are more than startWait
	l.mu.Unlock()
	l.arrived <- struct{}{}
}

// await waits until n jobs have started.
func await(ctx context.Context, started <-chan struct{}, n int) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for range n {
		select {
		case <-started:
		case <-ctx.Done():
			return fmt.Errorf("wait for a job to start: %w", ctx.Err())
		}
	}
	return nil
}

// idle enqueues one job after the other.
func idle(ctx context.Context, s subject, jobs int) (*hdrhistogram.Histogram, error) {
	l := newLatencies()
	return l.h, working(ctx, s, l, func() error {
		for n := range jobs {
			l.enqueued(n, time.Now())
			if err := s.enqueue(ctx, n, 1); err != nil {
				return err
			}
			if err := await(ctx, l.arrived, 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// loaded enqueues at a rate by several clients, whatever the workers do.
func loaded(ctx context.Context, s subject, perSecond float64, jobs int) (*hdrhistogram.Histogram, error) {
	const clients = 8
	l := newLatencies()
	return l.h, working(ctx, s, l, func() error {
		due := make(chan int, jobs)
		errs := make(chan error, clients)
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for n := range due {
					if err := s.enqueue(ctx, n, 1); err != nil {
						errs <- err
						return
					}
				}
			})
		}
		began := time.Now()
		for n := 0; n < jobs; {
			for now := int(time.Since(began).Seconds() * perSecond); n < min(now, jobs); n++ {
				l.enqueued(n, began.Add(time.Duration(float64(n)/perSecond*float64(time.Second))))
				due <- n
			}
			if err := wait(ctx, tick); err != nil {
				break
			}
		}
		close(due)
		wg.Wait()
		close(errs)
		return errors.Join(<-errs, await(ctx, l.arrived, jobs))
	})
}

func working(ctx context.Context, s subject, l *latencies, load func() error) error {
	if err := s.reset(ctx); err != nil {
		return err
	}
	stop, err := s.work(ctx, l.started)
	if err != nil {
		return err
	}
	return errors.Join(load(), stop())
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
