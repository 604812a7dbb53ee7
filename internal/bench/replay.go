package bench

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"rohrpost/internal/bench/trial"
)

// replay cuts a tenth of the streams off, sends some events, and has the clients come back for what they missed, all at
// once. It measures how long each takes from dialling to the last of them; a gap or a repeat is an error.
func (c *crowd) replay(ctx context.Context, open openStreams, values trial.Values) error {
	last := make([]string, len(c.visitors))
	for i, s := range open[:len(c.visitors)] {
		if err := c.tell(ctx, i, 0); err != nil {
			return err
		}
		e, err := s.until(arriveWithin, isNotice)
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
		last[i] = e.id
	}
	back := max(1, c.streams/10)
	open[:back].close()
	for i := range c.visitors {
		for round := 1; round < rounds; round++ {
			if err := c.tell(ctx, i, round); err != nil {
				return err
			}
		}
	}
	h := trial.NewHistogram()
	took := make(chan time.Duration, back)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range dialers {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= back {
					return nil
				}
				began := time.Now()
				s, err := c.owner(n).follow(ctx, "/api/events", last[n%len(last)])
				if err != nil {
					return fmt.Errorf("come back: %w", err)
				}
				open[n] = s
				if err := missed(s); err != nil {
					return fmt.Errorf("stream %d: %w", n, err)
				}
				took <- time.Since(began)
			}
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	close(took)
	for d := range took {
		_ = h.RecordValue(max(d.Microseconds(), 1)) // it holds more than arriveWithin
	}
	values[replayP50], values[replayP99] = trial.Milliseconds(h, 50), trial.Milliseconds(h, 99)
	return nil
}

// missed reads the events that were sent meanwhile.
func missed(s *sse) error {
	for round := 1; round < rounds; round++ {
		e, err := s.until(arriveWithin, func(sseEvent) bool { return true })
		if err != nil {
			return err
		}
		if !bytes.Equal(e.data, noticeData(round)) {
			return fmt.Errorf("%s %s came instead of event %d", e.typ, e.data, round)
		}
	}
	return nil
}
