package express

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"rohrpost/internal/batch"
)

const (
	most     = 128             // scripts in one exchange
	exchange = 5 * time.Second // its time limit
	// Redis publishes here the names of queues that have something new in line.
	wakeChannel = "rohrpost:wake"
)

// Line is a client of Redis for one client or server of Asynq. It is safe for concurrent use.
type Line struct {
	redis.UniversalClient                       // with the hook
	plain                 redis.UniversalClient // without, for our own exchanges
	close                 func() error
	handing               *batch.Group[order, handed]
	acks                  *batch.Group[script, struct{}]
	taker                 *taker // nil for a client
	slow                  bool   // no scripts are joined
	stopped               atomic.Bool
}

// Sending is for a client of Asynq. Stop it after its last use; rdb stays the caller's.
func Sending(rdb redis.UniversalClient) *Line { return open(rdb, nil) }

// Taking is for a server of Asynq that serves queues. room tells how many tasks it could start at once; it is asked
// before each exchange. Call Listen before the server starts, Halt before it is stopped, and Stop after that.
func Taking(rdb redis.UniversalClient, queues []string, room func() int) *Line {
	return open(rdb, newTaker(queues, room))
}

// Plain is for either, and only mends Asynq's way of acknowledging: every task has an exchange of its own, on rdb.
func Plain(rdb redis.UniversalClient) *Line {
	l := &Line{UniversalClient: rdb, plain: rdb, close: nothing, slow: true}
	l.join()
	return l
}

func open(rdb redis.UniversalClient, taker *taker) *Line {
	l := &Line{taker: taker, plain: rdb}
	l.UniversalClient, l.close = own(rdb)
	l.join()
	return l
}

func (l *Line) join() {
	l.handing = batch.New(most, exchange, func(ctx context.Context, orders []order) ([]handed, error) {
		return l.handOver(ctx, orders), nil // each order has its own error
	})
	l.acks = batch.New(most, exchange, l.acknowledge)
	l.AddHook(hook{l})
}

// own is a client whose hooks are nobody else's, on the connections of rdb where those can be shared.
func own(rdb redis.UniversalClient) (client redis.UniversalClient, closeIt func() error) {
	switch c := rdb.(type) {
	case *redis.Client:
		return c.WithTimeout(c.Options().ReadTimeout), nothing
	case *redis.ClusterClient:
		own := redis.NewClusterClient(c.Options())
		return own, own.Close
	}
	return rdb, nothing
}

func nothing() error { return nil }

// Halt gives out no more tasks, and puts back those that were taken and not given out. Where Redis is away these are
// left to whoever looks for lost ones.
func (l *Line) Halt(ctx context.Context) error {
	if l.taker == nil {
		return nil
	}
	return l.taker.halt(ctx, l)
}

// Stop halts, and waits until everything under way is done or ctx ends. The line is of no more use then.
func (l *Line) Stop(ctx context.Context) error {
	err := l.Halt(ctx)
	l.stopped.Store(true)
	return errors.Join(err, l.handing.Wait(ctx), l.acks.Wait(ctx), l.close())
}

// hook is the line as go-redis calls it.
type hook struct{ line *Line }

// DialHook changes nothing.
func (hook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

// ProcessPipelineHook changes nothing: Asynq's scripts come one by one.
func (hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook does the work of the scripts it knows.
func (h hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		answer, ok := cmd.(*redis.Cmd)
		if !ok || !isAsynq(cmd) {
			return next(ctx, cmd)
		}
		s := parse(cmd)
		switch {
		case h.line.slow && s.what == handingOver && place(ctx) != atTheEnd:
			return h.line.handAlone(ctx, s, answer)
		case h.line.slow:
			return passOn(ctx, cmd, next)
		case s.what == taking && h.line.taker != nil && h.line.taker.serves(s.queue):
			return h.line.take(ctx, s, answer)
		case s.what == handingOver && cmd.Name() == "evalsha":
			return h.line.hand(ctx, s, answer)
		case s.what == done && cmd.Name() == "evalsha":
			return h.line.ack(s, answer)
		}
		err := passOn(ctx, cmd, next)
		if inLine := s.what == queueing || s.what == handingOver; inLine && err == nil && answer.Val() != int64(0) {
			h.line.wake(s.queue)
		}
		return err
	}
}

// passOn sends a script as it is. When the acknowledgement of a task meets a passing error, Asynq tries it again with a
// context that was cancelled meanwhile, so that it could never succeed: a script gets time of its own then.
func passOn(ctx context.Context, cmd redis.Cmder, next redis.ProcessHook) error {
	if ctx.Err() == nil {
		return next(ctx, cmd)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), exchange)
	defer cancel()
	return next(ctx, cmd)
}
