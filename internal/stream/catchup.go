package stream

import "context"

// deliver takes a live entry. It reports whether the hub must let go of the subscription: cut off, or ended.
func (s *Subscription) deliver(m message) (over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil || s.ended:
		return true
	case s.reading && len(s.stash) < s.hub.cfg.Buffer:
		s.stash = append(s.stash, m)
		return false
	case s.reading:
		s.again = true
		return false
	case s.behind:
		return false // the read to come finds it in the log
	}
	return s.take(m)
}

// take queues a live entry if it is the next one. The caller holds mu.
func (s *Subscription) take(m message) (over bool) {
	switch {
	case s.at.has(m.at):
		return false // read from the log already
	case !s.at.next(m.at):
		s.behind = true // one was lost, or the log was begun anew
		s.signal()
		return false
	}
	lagging := len(s.queue) - s.head - s.replayed
	if lagging >= s.hub.cfg.Buffer || lagging > 0 && s.lag+len(m.event.Data) > s.hub.cfg.BufferBytes {
		return s.overflow()
	}
	s.push(m.event)
	s.lag += len(m.event.Data)
	s.at = m.at
	s.ended = m.event.End
	s.signal()
	return s.ended
}

// overflow handles a reader that lags too far. One that is still busy with a replay is not slow, it only came late: what
// was queued live is dropped, and read from the log in its turn.
func (s *Subscription) overflow() (over bool) {
	if s.replayed == 0 {
		s.err = ErrSlow
		s.queue, s.head = nil, 0
		s.signal()
		return true
	}
	keep := s.head + s.replayed
	clear(s.queue[keep:])
	s.queue, s.lag, s.behind = s.queue[:keep], 0, true
	s.at, _ = parsePosition(s.queue[keep-1].ID) // our own id, or empty
	return false
}

func (s *Subscription) push(e Event) {
	s.queue = append(s.queue, e)
	s.hub.metrics.events.Inc()
	if e.Type == TypeReload {
		s.hub.metrics.reloads.Inc()
	}
}

// fallBehind makes the next call of Next read the log, since something may have been published unseen.
func (s *Subscription) fallBehind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = true
	s.again = s.reading
	s.missed = s.begun
	s.signal()
}

// compare is told the last position in the log and falls behind if it isn't ours.
func (s *Subscription) compare(last position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.behind && !s.reading && !s.ended && s.at != last {
		s.behind = true
		s.signal()
	}
}

// catchUp reads one page of the log from the last position on, and goes live with the last page.
func (s *Subscription) catchUp(ctx context.Context) error {
	return s.replay(func(at position) (page, error) { return s.hub.read(ctx, s.key, at) })
}

// jump goes live from the end of the log.
func (s *Subscription) jump(ctx context.Context) error {
	return s.replay(func(position) (page, error) {
		at, err := s.hub.lastOf(ctx, s.key)
		return page{at: at}, err
	})
}

func (s *Subscription) replay(read func(position) (page, error)) error {
	s.mu.Lock()
	s.reading, s.again = true, false
	at := s.at
	s.mu.Unlock()
	got, err := read(at)
	if s.apply(got, err) {
		s.hub.detach(s)
	}
	return err
}

// apply queues what was read, then what came in meanwhile. It reports whether the hub must let go.
func (s *Subscription) apply(got page, err error) (over bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stash := s.stash
	s.reading, s.stash = false, nil
	if s.err != nil {
		return true
	}
	if err != nil {
		s.behind = true // what is in the stash is in the log as well
		return false
	}
	s.begun = true
	if s.missed && got.at == (position{}) && len(got.events) == 0 {
		// Nobody seemed to read meanwhile, so that what is on record may not have been told.
		got.events = []Event{reload(position{}, "gone")}
	}
	s.missed = false
	for _, e := range got.events {
		s.push(e)
	}
	s.replayed += len(got.events)
	s.at, s.ended = got.at, got.ended
	s.behind = got.more || s.again
	for _, m := range stash {
		if s.behind || s.ended || over {
			break
		}
		over = s.take(m)
	}
	s.signal()
	return over || s.ended
}
