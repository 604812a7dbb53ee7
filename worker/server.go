// Package worker is the door by which jobs come in from the queues: it binds each kind of job to the function of the
// capability that does it, one file for each capability.
package worker

import (
	"context"

	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Server takes jobs of some queues and runs them.
type Server struct {
	runner *queue.Runner
}

// New makes a worker with the kinds that the bindings add to its mux. Without queues in cfg it serves all of them.
func New(engine *queue.Engine, cfg queue.RunnerConfig, bindings ...func(*queue.Mux)) *Server {
	mux := queue.NewMux()
	for _, bind := range bindings {
		bind(mux)
	}
	if len(cfg.Queues) == 0 {
		cfg.Queues = tasks.DefaultWeights()
	}
	return &Server{runner: queue.NewRunner(engine, mux, cfg)}
}

// Start registers the worker and begins to take jobs. It needs PostgreSQL; Redis may come later.
func (s *Server) Start(ctx context.Context) error { return s.runner.Start(ctx) }

// Stop stops taking jobs, lets running ones finish within the grace time or until ctx ends, and hands back the rest.
func (s *Server) Stop(ctx context.Context) error { return s.runner.Stop(ctx) }
