package queue

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// ackTimeout bounds an exchange of Asynq with Redis that lost its own deadline here.
const ackTimeout = 5 * time.Second

// ackHook gives Asynq's scripts a context of their own. When the acknowledgement of a task meets a passing error, Asynq
// tries it again with a context that was cancelled meanwhile, so that it can never succeed, and a minute later the task
// runs a second time. (That run would be refused by PostgreSQL; this saves the attempt.)
type ackHook struct{}

func (ackHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (ackHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (ackHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if ctx.Err() == nil || !asynqScript(cmd) {
			return next(ctx, cmd)
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
		defer cancel()
		return next(ctx, cmd)
	}
}

// asynqScript tells whether cmd is EVAL or EVALSHA on a queue of Asynq: name, script, number of keys, first key.
func asynqScript(cmd redis.Cmder) bool {
	args := cmd.Args()
	if len(args) < 4 || !strings.HasPrefix(cmd.Name(), "eval") {
		return false
	}
	key, ok := args[3].(string)
	return ok && strings.HasPrefix(key, "asynq:{")
}
