package chaos

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
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

func leftovers(ctx context.Context, rdb redis.UniversalClient) (left []string, keys int, err error) {
	iter := rdb.Scan(ctx, 0, "*", scanCount).Iterator()
	seen := map[string]bool{} // a scan may tell a key twice
	for iter.Next(ctx) {
		key := iter.Val()
		if seen[key] {
			continue
		}
		seen[key] = true
		if standing.MatchString(key) {
			continue
		}
		ttl, err := rdb.TTL(ctx, key).Result()
		if err != nil {
			return nil, 0, fmt.Errorf("expiry of %s: %w", key, err)
		}
		const forEver, gone = -1, -2
		if ttl >= 0 || ttl == gone {
			continue
		}
		archived, err := inArchive(ctx, rdb, key)
		if err != nil {
			return nil, 0, err
		}
		if ttl == forEver && !archived {
			left = append(left, key)
		}
	}
	if err := iter.Err(); err != nil {
		return nil, 0, fmt.Errorf("scan redis: %w", err)
	}
	return left, len(seen), nil
}

func inArchive(ctx context.Context, rdb redis.UniversalClient, key string) (bool, error) {
	task := taskKey.FindStringSubmatch(key)
	if task == nil {
		return false, nil
	}
	err := rdb.ZScore(ctx, "asynq:"+task[1]+":archived", task[2]).Err()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("archive of %s: %w", strings.Trim(task[1], "{}"), err)
	}
	return true, nil
}

const (
	// A worker that was killed leaves what it had taken in Asynq's list of active tasks. Asynq looks once a minute for those
	// whose lease of 30 s is over for 30 s, and puts them back to be dropped by the next worker.
	leftoversWithin = 3 * time.Minute
	leftoversLook   = time.Second
)

// awaitNothingLeft gives Asynq the time to tidy up. What is left after that is for [nothingLeft] to tell.
func awaitNothingLeft(ctx context.Context, rdb redis.UniversalClient) error {
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
