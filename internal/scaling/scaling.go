// Package scaling says how many workers of each group there should be, so that jobs start within the time that their queue
// promises. A group is the workers that serve the same queues, such as the Procfile's worker-ai.
//
// A scheduler looks at the queues every 15 seconds and writes down what it would want ([Recommend]); of several schedulers
// one does. What everybody is told ([Service.Advice]) is the most that was wanted within the last 5 minutes: more workers
// at once, fewer only when they were not needed for a while, as Kubernetes' HorizontalPodAutoscaler does it.
package scaling

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// statementTimeout bounds a look at some hundred rows.
const statementTimeout = 10 * time.Second

// Service tells what was written down. It is safe for concurrent use.
type Service struct {
	pool *db.Pool
	plan plan
}

// New makes the service. An error with code invalid names the setting that makes no sense.
func New(pool *db.Pool, cfg Config) (*Service, error) {
	p, err := cfg.plan()
	if err != nil {
		return nil, err
	}
	return &Service{pool: pool, plan: p}, nil
}

// Adviser writes down how many workers are wanted.
type Adviser struct {
	service *Service
	engine  *queue.Engine
}

// NewAdviser makes an adviser. The schedulers have one.
func NewAdviser(service *Service, engine *queue.Engine) *Adviser { return &Adviser{service, engine} }

// Every is how often Advise is to be called.
func (a *Adviser) Every() time.Duration { return a.service.plan.every }

// Advise looks at the queues and writes down how many workers each group should have, unless another process has done so at
// this tick.
func (a *Adviser) Advise(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*statementTimeout)
	defer cancel()
	p, q := a.service.plan, db.New()
	tick := time.Now().Truncate(p.every)
	seen, err := q.ScalingTickSeen(ctx, a.service.pool, tick)
	if err != nil {
		return fmt.Errorf("advise on workers: %w", err)
	}
	if seen {
		return nil
	}
	arranged, err := a.look(ctx)
	if err != nil {
		return fmt.Errorf("advise on workers: %w", err)
	}
	err = db.InTx(ctx, a.service.pool, func(tx pgx.Tx) error {
		for _, g := range arranged {
			wanted := Recommend(g, p.utilisation)
			if err := q.InsertScalingAdvice(ctx, tx, db.InsertScalingAdviceParams{
				Tick: tick, GroupName: g.Name, Queues: namesOf(g.Queues), Living: int32(g.Living), Least: int32(g.Least),
				Most: int32(g.Most), Wanted: int32(wanted.Workers), Reason: wanted.Reason,
			}); err != nil {
				return err
			}
		}
		return q.DeleteScalingAdviceBefore(ctx, tx, tick.Add(-p.window))
	})
	if err != nil {
		return fmt.Errorf("write down advice on workers: %w", err)
	}
	return nil
}

// look sees what there is to do and who does it.
func (a *Adviser) look(ctx context.Context) ([]Group, error) {
	workers, err := a.engine.Workers(ctx)
	if err != nil {
		return nil, err
	}
	queues := tasks.QueueNames()
	for _, w := range workers {
		for name := range w.Weights {
			if !slices.Contains(queues, name) {
				queues = append(queues, name)
			}
		}
	}
	loads, err := a.engine.Loads(ctx, queues)
	if err != nil {
		return nil, err
	}
	return a.service.plan.arrange(workers, loads), nil
}

func namesOf(queues []Queue) []string {
	names := make([]string, len(queues))
	for i, q := range queues {
		names[i] = q.Name
	}
	return names
}
