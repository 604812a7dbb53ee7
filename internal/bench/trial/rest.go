package trial

import (
	"context"
	"fmt"
	"os"
	"time"

	"rohrpost/internal/bench/usage"
	"rohrpost/internal/pause"
)

const settleFor = 500 * time.Millisecond // a worker that has just started is not at rest yet

// rest measures what a worker without jobs costs. Where processor time can't be had, those figures are left out.
func (r *runner) rest(ctx context.Context) error {
	return r.working(ctx, func(int) {}, func() error {
		if err := pause.For(ctx, settleFor); err != nil {
			return err
		}
		before, err := r.cost(ctx)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := pause.For(ctx, r.plan.Rest); err != nil {
			return err
		}
		after, err := r.cost(ctx)
		if err != nil {
			return err
		}
		seconds := time.Since(began).Seconds()
		for key, value := range after {
			r.values[key] = (value - before[key]) / seconds
		}
		return nil
	})
}

// cost is what was spent so far, in seconds of processor time and in commands.
func (r *runner) cost(ctx context.Context) (Values, error) {
	spent := Values{}
	for key, pid := range map[string]int{
		RestWorker: os.Getpid(), RestRedis: r.servers.RedisPid, RestPostgres: r.servers.PostgresPid,
	} {
		if pid == 0 {
			continue
		}
		seconds, known, err := usage.Processor(pid)
		if err != nil {
			return nil, fmt.Errorf("processor time of process %d: %w", pid, err)
		}
		if known {
			spent[key] = seconds
		}
	}
	if c, ok := r.subject.(commander); ok {
		n, err := c.Commands(ctx)
		if err != nil {
			return nil, err
		}
		spent[RestCommands] = float64(n)
	}
	return spent, nil
}
