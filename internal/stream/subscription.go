package stream

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// retryRead is the longest wait before a replay that Redis refused is tried again; the shortest is half of it.
const retryRead = 500 * time.Millisecond

// Subscription is one reader of one stream. One goroutine may call Next at a time; the other methods are safe for
// concurrent use. It costs about a kilobyte while nothing happens, and no goroutine.
type Subscription struct {
	hub  *Hub
	key  Key
	wake chan struct{} // one slot: something changed that Next waits for

	topic *topic // guarded by hub.mu: nil once detached
	slot  int    // guarded by hub.mu: where it is in topic.subs

	mu       sync.Mutex
	queue    []Event // all below guarded by mu: what Next returns, from head on
	head     int
	replayed int      // how many of the queued ones came from a read; only live ones count as lag
	lag      int      // bytes of the live ones
	at       position // of the last one queued
	behind   bool     // live entries are ignored until the log was read from at
	reading  bool     // that read is under way, and live entries are stashed
	again    bool     // … and has to be repeated
	begun    bool     // the log was read once
	missed   bool     // the channel was not subscribed for a while since
	stash    []message
	ended    bool  // the final event is queued or was returned
	err      error // why there is nothing more
}

// message is a live entry.
type message struct {
	event Event
	at    position
}

// Next waits for the next event. It returns [io.EOF] after the final event of a stream, [ErrSlow], [ErrStopped] or
// [ErrClosed] once the subscription is over, or ctx's error, after which it may be called again: nothing is lost. While
// Redis is away it keeps waiting.
func (s *Subscription) Next(ctx context.Context) (Event, error) {
	for {
		event, behind, err := s.pop()
		if err != nil || event.Type != "" {
			return event, err
		}
		if behind {
			if err := s.catchUp(ctx); err == nil {
				continue
			} else if ctx.Err() == nil {
				s.hub.log.Debug("stream replay waits for redis", "stream", s.key.String(), "err", err)
			}
			if err := s.wait(ctx, retryRead/2+rand.N(retryRead/2)); err != nil {
				return Event{}, err
			}
			continue
		}
		if err := s.wait(ctx, 0); err != nil {
			return Event{}, err
		}
	}
}

// wait returns when something changed, and after limit unless it is zero.
func (s *Subscription) wait(ctx context.Context, limit time.Duration) error {
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	select {
	case <-s.wake:
	case <-expired:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// pop takes the first queued event; without one it tells whether the log has to be read.
func (s *Subscription) pop() (event Event, behind bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return Event{}, false, s.err
	case s.head == len(s.queue) && s.ended:
		return Event{}, false, io.EOF
	case s.head == len(s.queue):
		return Event{}, s.behind, nil
	}
	event = s.queue[s.head]
	s.queue[s.head] = Event{}
	s.head++
	if s.replayed > 0 {
		s.replayed--
	} else {
		s.lag -= len(event.Data)
	}
	if s.head == len(s.queue) {
		s.head, s.lag = 0, 0
		if s.queue = s.queue[:0]; cap(s.queue) > 8 {
			s.queue = nil // an idle reader keeps nothing
		}
	}
	return event, false, nil
}

// Err tells why the subscription is over: [ErrSlow], [ErrStopped], or nil if it isn't, if the stream ended or if its
// owner closed it.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(s.err, ErrClosed) {
		return nil
	}
	return s.err
}

// Close ends the subscription and lets a waiting Next return [ErrClosed]. Closing twice is fine.
func (s *Subscription) Close() { s.finish(ErrClosed) }

func (s *Subscription) finish(why error) {
	s.hub.detach(s)
	s.fail(why)
}

// fail ends the subscription for its owner; the first reason stays.
func (s *Subscription) fail(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = why
		s.queue, s.stash, s.head, s.replayed = nil, nil, 0, 0
	}
	s.signal()
}

func (s *Subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
