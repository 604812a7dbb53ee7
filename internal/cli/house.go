package cli

import (
	"context"

	"github.com/redis/go-redis/v9"

	"rohrpost/db"
	"rohrpost/internal/accounts"
	"rohrpost/internal/ai"
	"rohrpost/internal/backup"
	"rohrpost/internal/blob"
	"rohrpost/internal/cleanup"
	"rohrpost/internal/datasets"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/files"
	"rohrpost/internal/mail"
	"rohrpost/internal/openai"
	"rohrpost/internal/operations"
	"rohrpost/internal/queue"
	"rohrpost/internal/redisurl"
	"rohrpost/internal/reports"
	"rohrpost/internal/scaling"
	"rohrpost/internal/schedule"
	"rohrpost/internal/stream"
	"rohrpost/internal/tuning"
	"rohrpost/tasks"
)

// houseConfig is what api, worker and scheduler have in common.
type houseConfig struct {
	DB     db.Config
	Redis  redisurl.Config
	Blob   blob.Config
	Stream stream.Config
	Queue  queue.Config
	Files  files.Config
	AI     ai.Config
	Mail   mail.Config
	// Accounts has a secret that only who logs users in needs; all need to know how long logins last.
	Accounts accounts.Config
	Cleanup  cleanup.Config
	OpenAI   openai.Config
	Tuning   tuning.Config
	Datasets datasets.Config
	Backup   backup.Config
	Reports  reports.Config
	Scaling  scaling.Config
}

// houseNeeds are the variables without which none of them works.
var houseNeeds = []string{"DATABASE_URL", "REDIS_URL", "BLOB_URL"}

// house is the foundation and the capabilities, opened. Each process needs all of it: whichever ends a job also runs
// what its capability hooked to that.
type house struct {
	pool       *db.Pool
	redis      redis.UniversalClient
	engine     *queue.Engine
	files      *files.Service
	ai         *ai.Service
	mail       *mail.Service
	datasets   *datasets.Service
	schedules  *schedule.Service
	cleanup    *cleanup.Service
	operations *operations.Service
	deadletter *deadletter.Service
	backup     *backup.Service
	reports    *reports.Service
	tuning     *tuning.Service
	uses       *dependencies
	scaling    *scaling.Service
}

// openHouse opens a house that is closed with the process. PostgreSQL has to answer; Redis, the scanner and the model
// server may come later.
func (p *process) openHouse(ctx context.Context, cfg houseConfig) (house, error) {
	var h house
	var err error
	if h.pool, err = db.Open(ctx, cfg.DB, db.LogTo(p.log), db.MeasureTo(p.registry)); err != nil {
		return h, err
	}
	p.onClose("pool", func(context.Context) error { h.pool.Close(); return nil })
	if h.redis, err = redisurl.Open(cfg.Redis); err != nil {
		return h, err
	}
	p.onClose("redis", func(context.Context) error { return h.redis.Close() })
	p.registry.MustRegister(redisurl.NewPoolMetrics(h.redis))
	bucket, err := blob.Open(ctx, cfg.Blob)
	if err != nil {
		return h, err
	}
	h.uses = newDependencies(p.registry)
	h.uses.add("postgresql", h.pool.Ready)
	h.uses.add("redis", func(ctx context.Context) error { return h.redis.Ping(ctx).Err() })
	h.uses.add("storage", bucket.Ready)
	p.registry.MustRegister(bucket.Space("files"))
	p.onClose("storage", func(context.Context) error { return bucket.Close() })
	remote, err := openai.New(cfg.OpenAI)
	if err != nil {
		return h, err
	}
	p.onClose("model service", func(context.Context) error { remote.Close(); return nil })
	if h.ai, err = ai.New(h.pool, cfg.AI, ai.Through(remote), ai.Measured(p.registry)); err != nil {
		return h, err
	}
	p.onClose("ai", func(context.Context) error { h.ai.Close(); return nil })
	if h.mail, err = mail.New(h.pool, cfg.Mail, p.log, mail.Measured(p.registry)); err != nil {
		return h, err
	}
	events := stream.New(h.redis, cfg.Stream)
	h.files = files.New(h.pool, bucket, cfg.Files, p.log, files.Through(events), files.Mailing(h.mail),
		files.Measured(p.registry))
	if h.datasets, err = datasets.New(h.pool, bucket, cfg.Datasets, p.log); err != nil {
		return h, err
	}
	h.backup, err = backup.New(ctx, backup.Deps{
		Pool: h.pool, Content: bucket, ContentURL: cfg.Blob.URL, Mail: h.mail, Log: p.log,
	}, cfg.Backup)
	if err != nil {
		return h, err
	}
	p.onClose("storage of the backups", func(context.Context) error { return h.backup.Close() })
	if space := h.backup.Space(); space != nil {
		p.registry.MustRegister(space)
	}
	h.schedules = schedule.New(h.pool, cfg.Backup.Kinds(tasks.Schedulable()), p.log, schedule.Measured(p.registry))
	h.engine = queue.NewEngine(h.pool, h.redis, events, cfg.Queue, p.log, p.registry)
	h.tuning, err = tuning.New(tuning.Deps{
		Pool: h.pool, Datasets: h.datasets, AI: h.ai, Remote: remote, Log: p.log,
	}, cfg.Tuning)
	if err != nil {
		return h, err
	}
	h.cleanup, err = cleanup.New(cleanup.Deps{
		Pool: h.pool, Bucket: bucket, Files: h.files, Accounts: accounts.NewSweeper(h.pool, cfg.Accounts),
		Datasets: h.datasets, Archive: h.engine, Log: p.log,
	}, cfg.Cleanup)
	if err != nil {
		return h, err
	}
	h.reports, err = reports.New(reports.Deps{Pool: h.pool, Files: h.files, Mail: h.mail, Events: events, Log: p.log},
		cfg.Reports)
	if err != nil {
		return h, err
	}
	if h.scaling, err = scaling.New(h.pool, cfg.Scaling); err != nil {
		return h, err
	}
	h.operations = operations.New(h.pool, h.engine, p.log)
	h.deadletter = deadletter.New(h.pool, h.engine)
	h.files.Follow(h.engine)
	h.ai.Follow(h.engine)
	h.datasets.Follow(h.engine)
	h.reports.Follow(h.engine)
	h.tuning.Follow(h.engine)
	h.mail.Follow(h.engine)
	h.backup.Follow(h.engine)
	h.mail.FollowJobs(h.engine, tasks.Names()...)
	// Parts end in order, when close calls them, and not all at once with ctx.
	h.engine.Start(context.WithoutCancel(ctx))
	p.onClose("engine", func(context.Context) error { h.engine.Stop(); return nil })
	return h, nil
}

// openAccounts makes the accounts, for a process that logs users in.
func (h house) openAccounts(cfg accounts.Config) (*accounts.Service, error) {
	var opts []accounts.Option
	if h.mail.Configured() {
		opts = append(opts, accounts.Through(h.mail))
	}
	return accounts.New(h.pool, cfg, opts...)
}
