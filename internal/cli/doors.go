package cli

import (
	"context"
	"fmt"
	"net"
	"time"

	"rohrpost/api"
	"rohrpost/internal/accounts"
	"rohrpost/internal/queue"
	"rohrpost/internal/scaling"
	"rohrpost/internal/stream"
	"rohrpost/scheduler"
	"rohrpost/tasks"
	"rohrpost/worker"
)

// requestsEnd is how long requests may go on after the api was told to stop. Event streams end at once.
const requestsEnd = 10 * time.Second

// The parts below run until the process closes, and not with ctx: they end in order, when close calls them.

// serveAPI answers on listener.
func (p *process) serveAPI(ctx context.Context, h house, users *accounts.Service, cfg api.Config, events stream.Config,
	listener net.Listener) error {
	hub := stream.NewHub(h.redis, events, stream.NewMetrics(p.registry), p.log)
	hub.Start(context.WithoutCancel(ctx))
	p.onClose("hub", func(context.Context) error { hub.Stop(); return nil })
	server, err := api.New(api.Deps{
		Pool: h.pool, Accounts: users, Files: h.files, AI: h.ai, Schedules: h.schedules, Operations: h.operations,
		DeadLetter: h.deadletter, Engine: h.engine, Hub: hub, Redis: h.redis, Log: p.log, Registerer: p.registry,
		Datasets: h.datasets, Backups: h.backup, Reports: h.reports, Mail: h.mail, Tuning: h.tuning,
		Scaling: h.scaling,
	}, cfg)
	if err != nil {
		return fmt.Errorf("api: %w", err)
	}
	p.serve("api", func() error { return server.Serve(listener) })
	p.onClose("api", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestsEnd)
		defer cancel()
		return server.Shutdown(ctx)
	})
	p.log.Info("api", "url", "http://"+listener.Addr().String())
	return nil
}

// startWorker takes jobs, also of the kinds that more binds; at the end running ones may finish, or are handed back.
func (p *process) startWorker(ctx context.Context, h house, cfg queue.RunnerConfig, more ...func(*queue.Mux)) error {
	server := worker.New(h.engine, cfg, append(more,
		func(mux *queue.Mux) { worker.Files(mux, h.files) },
		func(mux *queue.Mux) { worker.AI(mux, h.ai) },
		func(mux *queue.Mux) { worker.Mail(mux, h.mail) },
		func(mux *queue.Mux) { worker.Maintenance(mux, h.cleanup) },
		func(mux *queue.Mux) { worker.DeadLetters(mux, h.deadletter) },
		func(mux *queue.Mux) { worker.Tuning(mux, h.tuning) },
		func(mux *queue.Mux) { worker.Datasets(mux, h.datasets) },
		func(mux *queue.Mux) { worker.Backup(mux, h.backup) },
		func(mux *queue.Mux) { worker.Reports(mux, h.reports) },
	)...)
	if err := server.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	p.onClose("worker", server.Stop)
	p.registry.MustRegister(queueWeights(cfg.Queues))
	if cfg.Queues[tasks.Files] > 0 {
		h.uses.add("clamd", h.files.ScannerReady)
	}
	if cfg.Queues[tasks.AI] > 0 && h.ai.Configured() {
		h.uses.add("ollama", h.ai.Ready)
	}
	p.log.Info("worker", "queues", cfg.Queues)
	return nil
}

// startScheduler keeps the jobs going, and starts those of schedules.
func (p *process) startScheduler(ctx context.Context, h house, cfg scheduler.Config) {
	if !h.backup.Configured() {
		p.log.Warn("no backups are made: BACKUP_URL and BACKUP_RECIPIENTS are not set")
	}
	h.pool.RegisterGauges(p.registry)
	h.engine.RegisterGauges(p.registry)
	h.backup.RegisterGauges(p.registry)
	h.scaling.RegisterGauges(p.registry)
	clock := scheduler.New(h.engine, cfg, p.log, scheduler.Ticking(h.schedules),
		scheduler.Advising(scaling.NewAdviser(h.scaling, h.engine)))
	clock.Start(context.WithoutCancel(ctx))
	p.onClose("scheduler", func(context.Context) error { clock.Stop(); return nil })
}
