package express

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"
)

// order is a task to be enqueued together with others.
type order struct {
	script script
	behind int64 // how many start before it; atTheEnd
}

const atTheEnd = -1

// handed is what became of an order.
type handed struct {
	put int64 // 0: a task with its id was there
	err error
}

// answer tells Asynq.
func (h handed) answer(cmd *redis.Cmd) error {
	if h.err != nil {
		cmd.SetErr(h.err)
		return h.err
	}
	cmd.SetVal(h.put)
	return nil
}

// hand enqueues a task together with others, and wakes the workers.
func (l *Line) hand(ctx context.Context, s script, answer *redis.Cmd) error {
	if err := ctx.Err(); err != nil {
		return handed{err: err}.answer(answer)
	}
	told := make(chan handed, 1)
	l.handing.Go(order{s, place(ctx)}, func(out handed, err error) {
		out.err = errors.Join(out.err, err)
		told <- out
	})
	note(ctx)
	// A caller whose time is up doesn't wait for the exchange.
	select {
	case out := <-told:
		return out.answer(answer)
	case <-ctx.Done():
		return handed{err: ctx.Err()}.answer(answer)
	}
}

// handAlone enqueues a task that has a place of its own.
func (l *Line) handAlone(ctx context.Context, s script, answer *redis.Cmd) error {
	return l.handOver(ctx, []order{{s, place(ctx)}})[0].answer(answer)
}

// handOver is one exchange of enqueued tasks for each queue: it does what Asynq's script does, in this order.
func (l *Line) handOver(ctx context.Context, orders []order) []handed {
	out := make([]handed, len(orders))
	var queues []string
	for _, o := range orders {
		queues = once(queues, o.script.queue)
	}
	for _, queue := range queues {
		var at []int
		keys, args := []string{""}, []any{wakeChannel, queue}
		for i, o := range orders {
			if o.script.queue == queue {
				at = append(at, i)
				keys[0] = o.script.keys[1]
				keys, args = append(keys, o.script.keys[0]), append(append(args, o.script.args...), o.behind)
			}
		}
		put, err := handScript.Run(ctx, l.plain, keys, args...).Int64Slice()
		for n, i := range at {
			if out[i].err = err; err == nil {
				out[i].put = put[n]
			}
		}
	}
	return out
}

// KEYS: pending, then the tasks; ARGV: the channel that workers listen to, the queue, then for each task its message, id,
// the time, and how many start before it. Asynq's script with a loop around it, and with another way into the list, whose
// end is on the left.
var handScript = redis.NewScript(`
local put, some = {}, false
for i = 2, #KEYS do
  local a = 4 * i - 5
  put[i - 1] = 0
  if redis.call("EXISTS", KEYS[i]) == 0 then
    redis.call("HSET", KEYS[i], "msg", ARGV[a], "state", "pending", "pending_since", ARGV[a + 2])
    local behind = tonumber(ARGV[a + 3])
    local last = behind > 0 and redis.call("LINDEX", KEYS[1], -behind)
    if behind == 0 then
      redis.call("RPUSH", KEYS[1], ARGV[a + 1])
    elseif last then
      redis.call("LINSERT", KEYS[1], "BEFORE", last, ARGV[a + 1])
    else
      redis.call("LPUSH", KEYS[1], ARGV[a + 1])
    end
    put[i - 1], some = 1, true
  end
end
if some then redis.call("PUBLISH", ARGV[1], ARGV[2]) end
return put`)

// wake tells the workers that there is something in line. Where it fails, they look all the same, a little later.
func (l *Line) wake(queue string) {
	ctx, cancel := context.WithTimeout(context.Background(), exchange)
	defer cancel()
	l.plain.Publish(ctx, wakeChannel, queue)
}

func once(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}
