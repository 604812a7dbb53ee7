package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rohrpost/internal/pause"
)

// Run takes one run of all figures.
func Run(ctx context.Context, s Subject, servers Servers, plan Plan) (Values, error) {
	r := &runner{subject: s, servers: servers, plan: plan, values: Values{}}
	for _, step := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"enqueue", r.enqueue}, {"drain", r.drain}, {"idle", r.idle}, {"rest", r.rest}, {"load", r.load},
		{"neighbour", r.neighbour},
	} {
		if err := s.Reset(ctx); err != nil {
			return nil, fmt.Errorf("reset before %s: %w", step.name, err)
		}
		if err := step.measure(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return r.values, nil
}

// Drain takes one run of how fast a backlog is worked off.
func Drain(ctx context.Context, s Subject, plan Plan) (Values, error) {
	r := &runner{subject: s, plan: plan, values: Values{}}
	if err := s.Reset(ctx); err != nil {
		return nil, fmt.Errorf("reset before drain: %w", err)
	}
	if err := r.drain(ctx); err != nil {
		return nil, fmt.Errorf("drain: %w", err)
	}
	return r.values, nil
}

type runner struct {
	subject Subject
	servers Servers
	plan    Plan
	values  Values
}

const clients = 8 // of an API process at work; they share the subject's connections

func (r *runner) enqueue(ctx context.Context) error {
	began := time.Now()
	if err := shared(clients, r.plan.Single, func(n int) error { return r.subject.Enqueue(ctx, Busy, n) }); err != nil {
		return err
	}
	r.values[EnqueueRate] = rate(r.plan.Single, began)
	return nil
}

const endPoll = 5 * time.Millisecond // how often we look whether the last job has ended

func (r *runner) drain(ctx context.Context) error {
	jobs := r.plan.Jobs
	began := time.Now()
	if err := r.subject.EnqueueMany(ctx, Busy, 0, jobs); err != nil {
		return err
	}
	r.values[EnqueueManyRate] = rate(jobs, began)

	started := newCount(jobs)
	began = time.Now()
	return r.working(ctx, func(int) { started.add() }, func() error {
		// Counting the ended ones costs the engine something, so it begins when the last one has started.
		if err := started.await(ctx); err != nil {
			return err
		}
		for {
			n, err := r.subject.Ended(ctx)
			if err != nil {
				return err
			}
			if n >= jobs {
				r.values[DrainRate] = rate(jobs, began)
				return nil
			}
			if err := pause.For(ctx, endPoll); err != nil {
				return err
			}
		}
	})
}

// working has a worker run while fn does.
func (r *runner) working(ctx context.Context, started func(n int), fn func() error) error {
	stop, err := r.subject.Work(ctx, started)
	if err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	return errors.Join(fn(), stop())
}

func rate(n int, since time.Time) float64 { return float64(n) / time.Since(since).Seconds() }
