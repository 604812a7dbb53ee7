package stream

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

const watchedMost = 1000 // streams that one call of the script is asked about; Lua's stack has room for some 8,000

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
	for i, key := range keys {
		names[i] = key.String()
	}
	for first := 0; first < len(names); first += watchedMost {
		found, err := watchedScript.Run(ctx, l.rdb, names[first:min(first+watchedMost, len(names))]).Int64Slice()
		if err != nil {
			return nil, fmt.Errorf("who reads %d streams: %w", len(keys), err)
		}
		for _, i := range found {
			watched[first+int(i)-1] = true
		}
	}
	return watched, nil
}

// KEYS: the logs, which are also the channels. Returns the numbers of those that were begun or have a reader.
var watchedScript = redis.NewScript(`
local out = {}
local readers = redis.call("PUBSUB", "NUMSUB", unpack(KEYS))
for i, key in ipairs(KEYS) do
  if readers[2 * i] > 0 or redis.call("EXISTS", key) == 1 then out[#out + 1] = i end
end
return out`)
