package stream

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Watched tells for each stream whether somebody would miss an event there: it has been begun, or has a reader. An event
// that only repeats what is on record need not be told where neither is so, provided that its readers look at the record
// once they have subscribed, and that what it tells was on record before this was asked.
//
// In a Redis Cluster no node knows all readers, so that all streams count as watched there.
func (l *Log) Watched(ctx context.Context, keys ...Key) ([]bool, error) {
	watched := make([]bool, len(keys))
	if _, cluster := l.rdb.(*redis.ClusterClient); cluster {
		for i := range watched {
			watched[i] = true
		}
		return watched, nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	names := make([]string, len(keys))
	begun := make([]*redis.IntCmd, len(keys))
	pipe := l.rdb.Pipeline()
	for i, key := range keys {
		names[i] = key.String()
		begun[i] = pipe.Exists(ctx, names[i])
	}
	readers := pipe.PubSubNumSub(ctx, names...)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("who reads %d streams: %w", len(keys), err)
	}
	for i, name := range names {
		watched[i] = begun[i].Val() > 0 || readers.Val()[name] > 0
	}
	return watched, nil
}
