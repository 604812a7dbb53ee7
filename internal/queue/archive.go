package queue

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// archiveBatch is how many tasks are removed in one exchange.
const archiveBatch = 500

// SweepArchive removes from Redis the tasks of failed jobs that Asynq archived longer ago than age, and returns how many;
// a dry run only counts. Their jobs are on record in PostgreSQL; the archive is for the eyes of who looks at Asynqmon.
//
// Asynq trims it by itself, at 10,000 tasks or 90 days, in a script that can remove no more than 7,999 at once: where more
// expire together, it fails at each archived task from then on, and the archive grows without bound.
func (e *Engine) SweepArchive(ctx context.Context, age time.Duration, dry bool) (n int64, err error) {
	list, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	queues, err := e.rdb.SMembers(list, asynqQueues).Result()
	if err != nil {
		return 0, fmt.Errorf("sweep archive: %w", err)
	}
	until := strconv.FormatInt(time.Now().Add(-age).Unix(), 10)
	for _, queue := range queues {
		some, err := e.sweepArchive(ctx, queue, until, dry)
		n += some
		if err != nil {
			return n, fmt.Errorf("sweep archive of %s: %w", queue, err)
		}
	}
	return n, nil
}

func (e *Engine) sweepArchive(ctx context.Context, queue, until string, dry bool) (n int64, err error) {
	archive := asynqKey(queue, "archived")
	for {
		ctx, cancel := context.WithTimeout(ctx, enqueueTimeout)
		defer cancel()
		if dry {
			return e.rdb.ZCount(ctx, archive, "-inf", until).Result()
		}
		ids, err := e.rdb.ZRangeByScore(ctx, archive, &redis.ZRangeBy{Min: "-inf", Max: until, Count: archiveBatch}).Result()
		if err != nil || len(ids) == 0 {
			return n, err
		}
		keys, members := make([]string, len(ids)), make([]any, len(ids))
		for i, id := range ids {
			keys[i], members[i] = asynqKey(queue, "t:"+id), id
		}
		// The tasks first: one without its place in the archive would be found by nobody.
		if err := e.rdb.Del(ctx, keys...).Err(); err != nil {
			return n, err
		}
		if err := e.rdb.ZRem(ctx, archive, members...).Err(); err != nil {
			return n, err
		}
		n += int64(len(ids))
		if len(ids) < archiveBatch {
			return n, nil
		}
	}
}
