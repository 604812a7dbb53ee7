package express

import (
	"context"
	"slices"

	"github.com/redis/go-redis/v9"
)

// hand enqueues a task together with others, and wakes the workers.
func (l *Line) hand(ctx context.Context, s script, answer *redis.Cmd) error {
	if err := ctx.Err(); err != nil {
		answer.SetErr(err)
		return err
	}
	// The exchange writes to a command of its own: a caller whose time is up doesn't wait for it.
	type outcome struct {
		cmd *redis.Cmd
		err error
	}
	told := make(chan outcome, 1)
	l.handing.Go(order{s, redis.NewCmd(context.WithoutCancel(ctx), answer.Args()...)}, func(cmd *redis.Cmd, err error) {
		told <- outcome{cmd, err}
	})
	select {
	case out := <-told:
		if out.err == nil {
			var val any
			if val, out.err = out.cmd.Result(); out.err == nil {
				answer.SetVal(val)
			}
		}
		if out.err != nil {
			answer.SetErr(out.err)
		}
		return out.err
	case <-ctx.Done():
		answer.SetErr(ctx.Err())
		return ctx.Err()
	}
}

// handOver is one exchange of enqueued tasks. Each script keeps its own answer.
func (l *Line) handOver(ctx context.Context, orders []order) ([]*redis.Cmd, error) {
	pipe := l.plain.Pipeline()
	cmds := make([]*redis.Cmd, len(orders))
	var queues []string
	for i, o := range orders {
		o.cmd.SetFirstKeyPos(3)
		cmds[i] = o.cmd
		_ = pipe.Process(ctx, o.cmd) // only queues it
		queues = once(queues, o.script.queue)
	}
	for _, queue := range queues {
		pipe.Publish(ctx, wakeChannel, queue)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	return cmds, nil
}

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
