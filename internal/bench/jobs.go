package bench

import (
	"context"
	"fmt"
	"time"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/devstack"
)

// JobsOptions are those of [Jobs].
type JobsOptions struct {
	Options
	Jobs     int      // of one drain; 0 takes 20,000
	Finished int      // jobs that ended before, and are still on record
	Peers    []string // commands of programs that put other engines on trial
	Plan     *trial.Plan
}

const stock = "asynq, stock" // the baseline

var jobFigures = []figure{
	{trial.EnqueueRate, "enqueue one by one, jobs/s"},
	{trial.EnqueueManyRate, "enqueue many, jobs/s"},
	{trial.DrainRate, "drain, jobs/s"},
	{trial.IdleP50, "idle pick-up p50, ms"},
	{trial.IdleP99, "idle pick-up p99, ms"},
	{trial.RestWorker, "at rest: worker, cores"},
	{trial.RestRedis, "at rest: Redis, cores"},
	{trial.RestPostgres, "at rest: PostgreSQL, cores"},
	{trial.RestCommands, "at rest: Redis commands/s"},
	{trial.LoadRate, "half load, jobs/s"},
	{trial.LoadP50, "half load pick-up p50, ms"},
	{trial.LoadP99, "half load pick-up p99, ms"},
	{trial.NeighbourP50, "beside a backlog, pick-up p50, ms"},
	{trial.NeighbourP99, "beside a backlog, pick-up p99, ms"},
}

// plan is how much a run measures.
func (o JobsOptions) plan() trial.Plan {
	if o.Plan != nil {
		return *o.Plan
	}
	p := trial.Plan{
		Single: 5000, Jobs: 20_000, Idle: 500, IdleFor: 10 * time.Second, Rest: 5 * time.Second, Load: 5 * time.Second,
		Backlog: 100_000, Strangers: 200,
	}
	if o.Quick {
		p = trial.Plan{
			Single: 1000, Jobs: 5000, Idle: 100, IdleFor: 5 * time.Second, Rest: 2 * time.Second, Load: 2 * time.Second,
			Backlog: 10_000, Strangers: 50,
		}
	}
	if o.Jobs > 0 {
		p.Jobs = o.Jobs
	}
	return p
}

// warmUp is a small run: connections are made, statements prepared, code paged in.
func warmUp(p trial.Plan) trial.Plan {
	return trial.Plan{
		Single: min(p.Single, 500), Jobs: min(p.Jobs, 2000), Idle: min(p.Idle, 5), IdleFor: p.IdleFor, Rest: p.Rest / 10,
		Load: p.Load / 10, Backlog: min(p.Backlog, 500), Strangers: min(p.Strangers, 3),
	}
}

// Jobs puts the job engines on trial, on a private stack of its own, and prints one table.
func Jobs(ctx context.Context, opts JobsOptions) (err error) {
	opts.Options = opts.withDefaults()
	stack, err := devstack.Open("", opts.Log)
	if err != nil {
		return err
	}
	defer closing(&err, stack.Close)
	s, err := openServers(ctx, stack, opts.Options)
	if err != nil {
		return err
	}
	defer s.close()
	rep := report{Bench: "jobs", Load: opts.plan(), Runs: opts.Runs, Baseline: stock}
	if rep.Machine, err = thisMachine(ctx, s.pool, s.rdb); err != nil {
		return err
	}
	engine := newRohrpost(ctx, s.pool, s.rdb, opts.Log, nil)
	defer engine.close()
	if err := engine.prefill(ctx, opts.Finished); err != nil {
		return err
	}
	subjects := []trial.Subject{
		engine, newRaw(stock, 0, s.rdb), newRaw("asynq, polling at 5 ms", 5*time.Millisecond, s.rdb),
	}
	var all []contestant
	for _, subject := range subjects {
		all = append(all, opts.contestant(subject.Name(), func(ctx context.Context, plan trial.Plan) (trial.Values, error) {
			return trial.Run(ctx, subject, s.shared(), plan)
		}))
	}
	for i, command := range opts.Peers {
		of, err := s.forPeers(ctx, fmt.Sprintf("peer%d", i+1))
		if err != nil {
			return err
		}
		p, err := startPeer(ctx, command, of)
		if err != nil {
			return err
		}
		defer closing(&err, p.close)
		all = append(all, opts.contestant(p.name, p.run))
	}
	columns, err := compete(ctx, opts.Options, all)
	if err != nil {
		return err
	}
	rep.fill(jobFigures, columns)
	return rep.print(opts.Out, opts.JSON)
}

func (o JobsOptions) contestant(name string,
	run func(ctx context.Context, plan trial.Plan) (trial.Values, error)) contestant {
	return contestant{name, func(ctx context.Context, warm bool) (trial.Values, error) {
		plan := o.plan()
		if warm {
			plan = warmUp(plan)
		}
		return run(ctx, plan)
	}}
}
