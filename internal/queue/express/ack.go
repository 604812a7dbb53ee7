package express

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	ackAgain = 500 * time.Millisecond // before an exchange that failed is tried again
	// By then the lease of a task is over, and Asynq's recoverer brings it back.
	ackWithin = 30 * time.Second
)

// ack takes a finished task out of Redis together with others. Asynq is told that it is done before it is: the job's
// outcome is on record in PostgreSQL or will be, and a task that stays behind comes back once and is refused there.
func (l *Line) ack(s script, answer *redis.Cmd) error {
	l.ackUntil(s, time.Now().Add(ackWithin))
	answer.SetVal("OK")
	return nil
}

func (l *Line) ackUntil(s script, deadline time.Time) {
	l.acks.Go(s, func(_ struct{}, err error) {
		if err != nil && !l.stopped.Load() && time.Now().Before(deadline) {
			time.AfterFunc(ackAgain, func() { l.ackUntil(s, deadline) })
		}
	})
}

// acknowledge is one exchange. It does what Asynq's script does, in Asynq's order, for all tasks of a queue in one.
func (l *Line) acknowledge(ctx context.Context, scripts []script) ([]struct{}, error) {
	byQueue := map[string][]script{}
	var queues []string
	for _, s := range scripts {
		queues = once(queues, s.queue)
		byQueue[s.queue] = append(byQueue[s.queue], s)
	}
	var err error
	for _, queue := range queues {
		some := byQueue[queue]
		keys := append([]string{}, some[0].keys[0], some[0].keys[1], some[0].keys[3], some[0].keys[4])
		args := []any{some[0].args[1], some[0].args[2]}
		for _, s := range some {
			keys = append(keys, s.keys[2])
			args = append(args, s.args[0])
		}
		// A task that was taken out already does nothing the second time.
		err = errors.Join(err, ackScript.Run(ctx, l.plain, keys, args...).Err())
	}
	if err != nil {
		return nil, fmt.Errorf("acknowledge %d tasks: %w", len(scripts), err)
	}
	return make([]struct{}, len(scripts)), nil
}

// KEYS: active, lease, processed today, processed, then the tasks; ARGV: when today's count expires, the greatest count,
// then the ids. Asynq's script with a loop around it, but for a task that is gone, which is no error.
var ackScript = redis.NewScript(`
local n = 0
for i = 3, #ARGV do
  if redis.call("LREM", KEYS[1], 1, ARGV[i]) > 0 then
    redis.call("ZREM", KEYS[2], ARGV[i])
    redis.call("DEL", KEYS[i + 2])
    n = n + 1
  end
end
if n > 0 then
  if redis.call("INCRBY", KEYS[3], n) == n then
    redis.call("EXPIREAT", KEYS[3], ARGV[1])
  end
  local total = redis.call("GET", KEYS[4])
  if total and tonumber(total) >= tonumber(ARGV[2]) - n then
    redis.call("SET", KEYS[4], n)
  else
    redis.call("INCRBY", KEYS[4], n)
  end
end
return n`)
