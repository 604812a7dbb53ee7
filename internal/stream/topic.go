package stream

// topic is a channel and its readers in this process.
type topic struct {
	name  string
	subs  []*Subscription // guarded by Hub.mu
	ready chan struct{}   // guarded by Hub.mu: closed and nil once Redis has confirmed the channel
}

// attach adds s to its topic. The channel returned is closed when Redis has confirmed it, nil if it has.
func (h *Hub) attach(s *Subscription) (<-chan struct{}, error) {
	name := s.key.String()
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.running {
		return nil, ErrStopped
	}
	t := h.topics[name]
	if t == nil {
		t = &topic{name: name, ready: make(chan struct{})}
		h.topics[name] = t
		h.change(name)
	}
	s.topic, s.slot = t, len(t.subs)
	t.subs = append(t.subs, s)
	h.metrics.open.Inc()
	return t.ready, nil
}

// detach takes s out of its topic, and the channel off the connection with its last reader. Twice is fine.
func (h *Hub) detach(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.detachLocked(s)
}

func (h *Hub) detachLocked(s *Subscription) {
	t := s.topic
	if t == nil {
		return
	}
	last := len(t.subs) - 1
	t.subs[s.slot] = t.subs[last]
	t.subs[s.slot].slot = s.slot
	t.subs[last] = nil
	t.subs = t.subs[:last]
	s.topic = nil
	h.metrics.open.Dec()
	if last == 0 {
		delete(h.topics, t.name)
		h.change(t.name)
	}
}

// change notes a channel for the connection's goroutine. The caller holds mu.
func (h *Hub) change(name string) {
	h.pending[name] = struct{}{}
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// confirmed is called when Redis says that a channel is subscribed, at first or again after a reconnect. What was
// published before went by unseen, so everybody reads the log.
func (h *Hub) confirmed(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[name]
	if t == nil {
		return
	}
	for _, s := range t.subs {
		s.fallBehind()
	}
	if t.ready != nil {
		close(t.ready)
		t.ready = nil
	}
}

// lost is called when the connection is gone: new readers have to wait for the next confirmation.
func (h *Hub) lost() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		if t.ready == nil {
			t.ready = make(chan struct{})
		}
	}
}

// dispatch hands a live entry to the readers of its topic.
func (h *Hub) dispatch(name, payload string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[name]
	if t == nil {
		return
	}
	event, at, err := parseMessage(payload)
	if err != nil {
		h.log.Warn("stream message ignored", "channel", name, "err", err)
		return
	}
	for i := len(t.subs) - 1; i >= 0; i-- { // backwards, as detaching moves the last one into the hole
		if s := t.subs[i]; s.deliver(message{event, at}) {
			h.detachLocked(s)
		}
	}
}
