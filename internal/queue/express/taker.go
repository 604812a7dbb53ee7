package express

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	safety  = 200 * time.Millisecond // how long an idle worker believes that it would have been woken
	trouble = 50 * time.Millisecond  // before Redis is asked again after an error: Asynq asks at once
	// A task is taken ahead of its turn only where it will have it soon. Were it longer, others could start it earlier.
	stale  = 200 * time.Millisecond
	window = 20 * time.Millisecond // in which what was given out tells how much will be
)

// taker takes tasks from Redis for one server of Asynq. The server asks for one queue after the other, the order drawn
// by their weights, and gets at once what was taken before or what it is woken for.
type taker struct {
	room   func() int
	woken  chan struct{} // one slot
	closed chan struct{}
	once   sync.Once
	wg     sync.WaitGroup

	wakes *redis.PubSub    // nil until Listen
	lines map[string]*line // by queue

	mu     sync.Mutex     // guards the rest, and the lines
	taking sync.WaitGroup // exchanges under way; begun holding mu
	given  int            // tasks given out since
	since  time.Time      // the beginning of this window
	pace   int            // tasks given out in the window before
}

// line is one queue.
type line struct {
	maybe bool // there may be something in Redis
	tasks []task
	keys  []string // of the script
	at    time.Time
}

// task was taken and is not given out yet.
type task struct {
	id, msg string
}

func newTaker(queues []string, room func() int) *taker {
	t := &taker{room: room, woken: make(chan struct{}, 1), closed: make(chan struct{}), lines: map[string]*line{}}
	for _, queue := range queues {
		t.lines[queue] = &line{maybe: true}
	}
	return t
}

func (t *taker) serves(queue string) bool { return t.lines[queue] != nil }

// Listen waits to be woken from now on. go-redis connects again by itself.
func (l *Line) Listen(ctx context.Context) {
	t := l.taker
	if t == nil {
		return
	}
	t.wakes = l.plain.Subscribe(ctx, wakeChannel)
	t.wg.Go(func() {
		for message := range t.wakes.Channel() {
			t.look(message.Payload)
		}
	})
	t.wg.Go(func() { t.putBackStale(l) })
}

// look has Redis asked about a queue.
func (t *taker) look(queue string) {
	line := t.lines[queue]
	if line == nil {
		return
	}
	t.mu.Lock()
	line.maybe = true
	t.mu.Unlock()
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

func (t *taker) lookAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, line := range t.lines {
		line.maybe = true
	}
}

// take answers Asynq with a task of the queue, or with none.
func (l *Line) take(ctx context.Context, s script, answer *redis.Cmd) error {
	t := l.taker
	for {
		msg, n, wait := t.next(s)
		switch {
		case msg != "":
			answer.SetVal(msg)
			return nil
		case n > 0:
			if err := l.fetch(ctx, s, n); err != nil {
				t.pause(trouble)
				answer.SetErr(err)
				return err
			}
			continue
		case wait && t.pause(safety):
			continue
		}
		answer.SetErr(redis.Nil)
		return redis.Nil
	}
}

// next is a task that was taken before, or how many to take now. wait tells that no queue has any.
func (t *taker) next(s script) (msg string, fetch int, wait bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.closed:
		return "", 0, false
	default:
	}
	line := t.lines[s.queue]
	if len(line.tasks) > 0 {
		msg = line.tasks[0].msg
		line.tasks = line.tasks[1:]
		t.count()
		return msg, 0, false
	}
	if line.maybe {
		line.maybe = false
		t.taking.Add(1)
		return "", t.ahead(), false
	}
	for _, other := range t.lines {
		if other.maybe || len(other.tasks) > 0 {
			return "", 0, false
		}
	}
	return "", 0, true
}

// count keeps the pace. t.mu is held.
func (t *taker) count() {
	if now := time.Now(); now.Sub(t.since) > window {
		if t.pace = t.given; now.Sub(t.since) > 2*window {
			t.pace = 0
		}
		t.given, t.since = 0, now
	}
	t.given++
}

// ahead is how many tasks to take: those that can start now, and those that will soon at the present pace. t.mu is held.
func (t *taker) ahead() int { return min(max(1, t.room()+t.pace), most) }

// fetch takes up to n tasks, as next said.
func (l *Line) fetch(ctx context.Context, s script, n int) error {
	t := l.taker
	defer t.taking.Done()
	found, err := takeScript.Run(ctx, l.plain, s.keys, append(append([]any{}, s.args...), n)...).StringSlice()
	t.mu.Lock()
	defer t.mu.Unlock()
	line := t.lines[s.queue]
	if err != nil {
		line.maybe = true
		return err
	}
	line.keys, line.at = s.keys, time.Now()
	for i := 0; i+1 < len(found); i += 2 {
		line.tasks = append(line.tasks, task{found[i], found[i+1]})
	}
	line.maybe = len(found) == 2*n
	return nil
}

// pause waits until there may be something to take, or for d; then all queues are looked at. It returns false when the
// taker is closed.
func (t *taker) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.woken:
	case <-timer.C:
		t.lookAll()
	case <-t.closed:
		return false
	}
	return true
}

// putBackStale gives tasks that wait here for too long back to other workers.
func (t *taker) putBackStale(l *Line) {
	tick := time.NewTicker(stale)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), exchange)
			_ = l.putBack(ctx, stale) // what stays behind is found as lost
			cancel()
		case <-t.closed:
			return
		}
	}
}

// putBack puts tasks back at the head of their lines that were taken longer ago than age and not given out.
func (l *Line) putBack(ctx context.Context, age time.Duration) error {
	t := l.taker
	var err error
	for queue, line := range t.lines {
		t.mu.Lock()
		var back []task
		if len(line.tasks) > 0 && time.Since(line.at) >= age {
			back, line.tasks = line.tasks, nil
		}
		keys := line.keys
		t.mu.Unlock()
		if len(back) == 0 {
			continue
		}
		args := []any{keys[0][:len(keys[0])-len("pending")] + "t:"}
		for _, task := range back {
			args = append(args, task.id)
		}
		if e := putBackScript.Run(ctx, l.plain, keys, args...).Err(); e != nil {
			err = errors.Join(err, fmt.Errorf("put back %d tasks of %s: %w", len(back), queue, e))
			continue
		}
		l.plain.Publish(ctx, wakeChannel, queue)
	}
	return err
}

func (t *taker) halt(ctx context.Context, l *Line) (err error) {
	t.once.Do(func() {
		t.mu.Lock()
		close(t.closed)
		t.mu.Unlock()
		if t.wakes != nil {
			err = t.wakes.Close()
		}
		t.wg.Wait()
		t.taking.Wait()
		err = errors.Join(err, l.putBack(ctx, 0))
	})
	return err
}

// KEYS: pending, paused, active, lease; ARGV: when the lease ends, the prefix of the tasks' keys, how many. Asynq's
// script with a loop around it; returns ids and messages. A task whose message is gone would stay in the hands of nobody.
var takeScript = redis.NewScript(`
if redis.call("EXISTS", KEYS[2]) == 1 then return {} end
local out = {}
for i = 1, tonumber(ARGV[3]) do
  local id = redis.call("RPOPLPUSH", KEYS[1], KEYS[3])
  if not id then break end
  local key = ARGV[2] .. id
  local msg = redis.call("HGET", key, "msg")
  if msg then
    redis.call("HSET", key, "state", "active")
    redis.call("HDEL", key, "pending_since")
    redis.call("ZADD", KEYS[4], ARGV[1], id)
    out[#out + 1] = id
    out[#out + 1] = msg
  else
    redis.call("LREM", KEYS[3], 1, id)
  end
end
return out`)

// KEYS as above; ARGV: the prefix of the tasks' keys, then ids in the order in which they were taken. Asynq's script that
// puts a task back, with a loop around it.
var putBackScript = redis.NewScript(`
for i = #ARGV, 2, -1 do
  if redis.call("LREM", KEYS[3], 1, ARGV[i]) > 0 then
    redis.call("ZREM", KEYS[4], ARGV[i])
    redis.call("RPUSH", KEYS[1], ARGV[i])
    redis.call("HSET", ARGV[1] .. ARGV[i], "state", "pending")
  end
end
return redis.status_reply("OK")`)
