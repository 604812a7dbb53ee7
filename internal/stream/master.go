package stream

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// unheard tells that the connection of the subscriptions leads to another server than commands do: after a failover, one
// that stayed up ends at the demoted master. Its readers still hear what the new one publishes, as long as that replicates,
// but don't count as such there (see [Log.Watched]), so that what is on record would no longer be told.
//
// That is asked for each process from time to time, not for each job. A Redis that doesn't answer is for others to notice.
func (h *Hub) unheard(ctx context.Context) bool {
	if _, cluster := h.rdb.(*redis.ClusterClient); cluster {
		return false // all streams count as followed there
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
	defer cancel()
	// A write that changes nothing: a demoted master refuses it, and with that the pool drops its connection to it.
	if err := h.rdb.Del(ctx, h.own).Err(); err != nil {
		return false
	}
	readers, err := h.rdb.PubSubNumSub(ctx, h.own).Result()
	return err == nil && readers[h.own] == 0
}
