package stream

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// pollBatch is how many logs are asked for their last entry in one round trip.
const pollBatch = 64

// poll compares every log's last id with that of its readers from time to time: a pub/sub message that got lost makes
// an event late, never lost.
func (h *Hub) poll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(h.cfg.Poll*3/4 + rand.N(h.cfg.Poll/2+1)): // processes started together drift apart
		}
		if err := h.check(ctx); err != nil && ctx.Err() == nil {
			h.log.Debug("stream check skipped", "err", err)
		}
	}
}

// check asks for the last entry of each log that is read here.
func (h *Hub) check(ctx context.Context) error {
	h.mu.Lock()
	topics := make([]*topic, 0, len(h.topics))
	for _, t := range h.topics {
		topics = append(topics, t)
	}
	h.mu.Unlock()
	for some := range slices.Chunk(topics, pollBatch) {
		if err := h.checkSome(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hub) checkSome(ctx context.Context, topics []*topic) error {
	ctx, done, err := h.reading(ctx)
	if err != nil {
		return err
	}
	defer done()
	pipe := h.rdb.Pipeline()
	found := make([]*redis.XMessageSliceCmd, len(topics))
	for i, t := range topics {
		found[i] = pipe.XRevRangeN(ctx, t.name, "+", "-", 1)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	for i, t := range topics {
		var last position
		if entries := found[i].Val(); len(entries) > 0 {
			if last, err = parsePosition(entries[0].ID); err != nil {
				continue
			}
		}
		h.mu.Lock()
		for _, s := range t.subs {
			s.compare(last)
		}
		h.mu.Unlock()
	}
	return nil
}
