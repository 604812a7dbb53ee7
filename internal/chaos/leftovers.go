package chaos

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"rohrpost/internal/pause"
)

// standing are Asynq's keys that stay and don't grow: names of queues and processes, counters, and the archive.
var standing = regexp.MustCompile(`^asynq:(queues|servers|workers|\{[^}]+\}:(processed|failed|archived|paused))$`)

// taskKey is a task of Asynq's.
var taskKey = regexp.MustCompile(`^asynq:(\{[^}]+\}):t:(.+)$`)

const scanCount = 500

// nothingLeft looks for keys that will never go: without an expiry, not standing, and no task in the archive, which has
// a sweep of its own.
func nothingLeft(ctx context.Context, e evidence, f *finding) error {
	left, keys, err := leftovers(ctx, e.rdb)
	if err != nil {
		return err
	}
	for _, key := range left {
		f.broken("%s stays for ever", key)
	}
	f.Checked = fmt.Sprintf("%d keys", keys)
	return nil
}

// leftovers are those keys, each once, and how many keys there are. It takes Redis some 5 µs a key.
func leftovers(ctx context.Context, rdb *redis.Client) (left []string, keys int64, err error) {
	if keys, err = rdb.DBSize(ctx).Result(); err != nil {
		return nil, 0, fmt.Errorf("count keys: %w", err)
	}
	for cursor := uint64(0); ; {
		var page []string
		if page, cursor, err = rdb.Scan(ctx, cursor, "*", scanCount).Result(); err != nil {
			return nil, 0, fmt.Errorf("scan redis: %w", err)
		}
		some, err := stay(ctx, rdb, page)
		if err != nil {
			return nil, 0, err
		}
		left = append(left, some...)
		if cursor == 0 {
			slices.Sort(left)
			return slices.Compact(left), keys, nil // a scan may tell a key twice
		}
	}
}

// stay are the keys of a page that will never go.
func stay(ctx context.Context, rdb *redis.Client, page []string) ([]string, error) {
	page = slices.DeleteFunc(page, standing.MatchString)
	expiries := make([]*redis.DurationCmd, len(page))
	_, err := rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, key := range page {
			expiries[i] = pipe.TTL(ctx, key)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("expiry of keys: %w", err)
	}
	const forEver = -1
	var without []string
	for i, key := range page {
		if expiries[i].Val() == forEver {
			without = append(without, key)
		}
	}
	places := make([]*redis.FloatCmd, len(without))
	pipe := rdb.Pipeline()
	for i, key := range without {
		if task := taskKey.FindStringSubmatch(key); task != nil {
			places[i] = pipe.ZScore(ctx, "asynq:"+task[1]+":archived", task[2])
		}
	}
	_, _ = pipe.Exec(ctx) // each command keeps its own error
	var left []string
	for i, key := range without {
		switch place := places[i]; {
		case place == nil || errors.Is(place.Err(), redis.Nil):
			left = append(left, key)
		case place.Err() != nil:
			return nil, fmt.Errorf("archive, for %s: %w", key, place.Err())
		}
	}
	return left, nil
}

const (
	// A worker that was killed leaves what it had taken in Asynq's list of active tasks. Asynq looks once a minute for those
	// whose lease of 30 s is over for 30 s, and puts them back to be dropped by the next worker.
	leftoversWithin = 3 * time.Minute
	leftoversLook   = time.Second
)

// awaitNothingLeft gives Asynq the time to tidy up. What is left after that is for [nothingLeft] to tell.
func awaitNothingLeft(ctx context.Context, rdb *redis.Client) error {
	for deadline := time.Now().Add(leftoversWithin); ; {
		left, _, err := leftovers(ctx, rdb)
		if err != nil {
			return err
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return nil
		}
		if err := pause.For(ctx, leftoversLook); err != nil {
			return err
		}
	}
}
