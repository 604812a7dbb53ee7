package cli

import (
	"context"

	"rohrpost/api"
	"rohrpost/db"
	"rohrpost/internal/devstack"
	"rohrpost/internal/queue"
	"rohrpost/scheduler"
	"rohrpost/tasks"
)

// dev starts all parts and prints the tour.
func (p *process) dev(ctx context.Context, opts devOptions) error {
	var cfg struct {
		Common    commonConfig
		API       api.Config
		Runner    queue.RunnerConfig
		Scheduler scheduler.Config
	}
	if err := p.load(nil, &cfg); err != nil {
		return err
	}
	listener, err := p.listen(ctx, cfg.API)
	if err != nil {
		return err
	}
	tour := tour{URL: "http://" + listener.Addr().String()}
	stack, err := devstack.Open(p.env.Or("DATA_DIR", ".dev"), p.log)
	if err != nil {
		return err
	}
	p.onClose("private servers", func(context.Context) error { return stack.Close() })
	if p.env, err = p.openStack(ctx, stack, opts.tinyModel, &tour); err != nil {
		return err
	}
	if err := p.load(apiNeeds, &cfg); err != nil {
		return err
	}
	p.show(cfg)
	cfg.Runner.Queues = tasks.DefaultWeights()
	if err := p.sendTraces(ctx, cfg.Common.Tracing, "dev"); err != nil {
		return err
	}
	if err := p.serveMetrics(ctx, cfg.Common.Metrics); err != nil {
		return err
	}
	if err := db.Migrate(ctx, cfg.Common.House.DB.URL, p.log); err != nil {
		return err
	}
	h, err := p.openHouse(ctx, cfg.Common.House)
	if err != nil {
		return err
	}
	users, err := h.openAccounts(cfg.Common.House.Accounts)
	if err != nil {
		return err
	}
	if err := p.ensureAdmin(ctx, users, &tour); err != nil {
		return err
	}
	p.startScheduler(ctx, h, cfg.Scheduler)
	if err := p.startWorker(ctx, h, cfg.Runner); err != nil {
		return err
	}
	if err := p.serveAPI(ctx, h, users, cfg.API, cfg.Common.House.Stream, listener); err != nil {
		return err
	}
	if opts.prometheus {
		if err := p.watchWith(ctx, stack, &tour); err != nil {
			return err
		}
	}
	if err := tour.print(p.screen.Out); err != nil {
		return err
	}
	p.log.Info("ready", "process", "dev")
	return nil
}
