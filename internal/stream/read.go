package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// page is what one read of a log found after a position.
type page struct {
	events []Event
	at     position // the last event's, or where to go on from
	more   bool     // the log may hold more
	ended  bool     // the final event is in events, or was read before
}

// read gets what follows at. Where at can't be continued from, the page starts with a reload; the zero position means
// from the beginning.
func (h *Hub) read(ctx context.Context, key Key, at position) (page, error) {
	if at == (position{}) {
		return h.readAll(ctx, key, page{}, "trimmed")
	}
	found, err := h.xrange(ctx, key, at.String(), h.cfg.Page+1)
	if err != nil {
		return page{}, err
	}
	if len(found) == 0 {
		return h.restart(ctx, key, "gone")
	}
	first, err := parsePosition(found[0].ID)
	if err != nil {
		return page{}, fmt.Errorf("id %q in %s: %w", found[0].ID, key, err)
	}
	full := len(found) > h.cfg.Page
	switch {
	case first == at:
		got := page{at: at, ended: found[0].Values["e"] == "1"}
		return got, got.fill(found[1:], full)
	case at.next(first): // at itself was trimmed, and nothing else
		got := page{at: at}
		return got, got.fill(found, full)
	}
	return h.restart(ctx, key, "trimmed")
}

// restart goes on after events were lost. A job's stream is short and told from the start, as its tokens are nowhere
// else while it runs. A user's is long and all of it is in records, which a reload makes the client read: it goes on
// from now.
func (h *Hub) restart(ctx context.Context, key Key, reason string) (page, error) {
	if key.kind == userKey {
		at, err := h.lastOf(ctx, key)
		return page{at: at, events: []Event{reload(at, reason)}}, err
	}
	return h.readAll(ctx, key, page{events: []Event{{Type: TypeReload}}}, reason)
}

// readAll reads from the first entry there is. If got has a reload already it is completed, else one is added when the
// beginning of the log is missing.
func (h *Hub) readAll(ctx context.Context, key Key, got page, reason string) (page, error) {
	found, err := h.xrange(ctx, key, "-", h.cfg.Page)
	if err != nil {
		return page{}, err
	}
	if len(found) > 0 {
		first, err := parsePosition(found[0].ID)
		if err != nil {
			return page{}, fmt.Errorf("id %q in %s: %w", found[0].ID, key, err)
		}
		got.at = first.before()
		if first.seq > 1 && len(got.events) == 0 {
			got.events = []Event{{}}
		}
	}
	if len(got.events) > 0 {
		got.events[0] = reload(got.at, reason)
	}
	return got, got.fill(found, len(found) == h.cfg.Page)
}

// fill appends what was read, which starts right after p.at.
func (p *page) fill(found []redis.XMessage, full bool) error {
	p.more = full && !p.ended
	for _, m := range found {
		at, err := parsePosition(m.ID)
		if err != nil {
			return fmt.Errorf("id %q: %w", m.ID, err)
		}
		if !p.at.next(at) { // nobody writes such a log; somebody deleted an entry by hand
			p.events = append(p.events, reload(at.before(), "trimmed"))
		}
		typ, _ := m.Values["t"].(string)
		data, _ := m.Values["d"].(string)
		end := m.Values["e"] == "1"
		p.events = append(p.events, Event{ID: m.ID, Type: typ, Data: json.RawMessage(data), End: end})
		p.at = at
		if end {
			p.ended, p.more = true, false
			return nil
		}
	}
	return nil
}

func (h *Hub) xrange(ctx context.Context, key Key, from string, count int) ([]redis.XMessage, error) {
	ctx, done, err := h.reading(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	found, err := h.rdb.XRangeN(ctx, key.String(), from, "+", int64(count)).Result()
	if err != nil {
		return nil, fmt.Errorf("read %s from %s, %s entries: %w", key, from, strconv.Itoa(count), err)
	}
	return found, nil
}

// lastOf is the position of the last entry, zero for an empty log.
func (h *Hub) lastOf(ctx context.Context, key Key) (position, error) {
	ctx, done, err := h.reading(ctx)
	if err != nil {
		return position{}, err
	}
	defer done()
	found, err := h.rdb.XRevRangeN(ctx, key.String(), "+", "-", 1).Result()
	if err != nil {
		return position{}, fmt.Errorf("read the end of %s: %w", key, err)
	}
	if len(found) == 0 {
		return position{}, nil
	}
	return parsePosition(found[0].ID)
}

// reading takes one of the few places for reads, so that a thousand readers that reconnect at once queue here and not
// in the pool that everybody else needs, and bounds the read in time.
func (h *Hub) reading(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	select {
	case h.reads <- struct{}{}:
		return ctx, func() { <-h.reads; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, fmt.Errorf("wait to read: %w", ctx.Err())
	}
}
