package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"rohrpost/db"
	"rohrpost/internal/accounts"
	"rohrpost/internal/backup"
	"rohrpost/internal/cli/admin"
	"rohrpost/internal/mail"
	"rohrpost/internal/redisurl"
	"rohrpost/internal/scaling"
	"rohrpost/internal/schedule"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func (s shell) adminCommand() *cobra.Command {
	return admin.Command(s.screen, s.openAdmin, s.env["ADMIN_PASSWORD"])
}

// forAdmins tells whether a command line is one that somebody looks at, and not a process.
func forAdmins(args []string) bool {
	return len(args) > 0 && (args[0] == "admin" || args[0] == "restore")
}

// usualLevel keeps the log out of the way of who looks at a screen, and of programs that read what goes wrong.
func usualLevel(args []string) string {
	switch {
	case len(args) > 0 && (args[0] == "bench" || args[0] == "chaos" && !slices.Contains(args, "worker")):
		return "warn"
	case !forAdmins(args):
		return "info"
	case slices.Contains(args, "--json"):
		return "error"
	}
	return "warn"
}

// openAdmin opens what the administrators' commands work on.
func (s shell) openAdmin(ctx context.Context, needs admin.Needs) (admin.House, func() error, error) {
	p := s.newProcess()
	open := p.openRecords
	if needs == admin.Whole {
		open = p.openAll
	}
	h, err := open(ctx)
	if err != nil {
		return h, nil, p.close(err)
	}
	return h, func() error { return p.close(nil) }, nil
}

// openRecords opens what lies in PostgreSQL, and Redis where somebody says where it is.
func (p *process) openRecords(ctx context.Context) (h admin.House, err error) {
	var cfg struct {
		DB      db.Config
		Redis   redisurl.Config
		Stream  stream.Config
		Mail    mail.Config
		Backup  backup.Config
		Scaling scaling.Config
	}
	if err := p.load([]string{"DATABASE_URL"}, &cfg); err != nil {
		return h, err
	}
	h.Stream = cfg.Stream
	if h.Pool, err = db.Open(ctx, cfg.DB.ForCommand()); err != nil {
		return h, err
	}
	p.onClose("pool", func(context.Context) error { h.Pool.Close(); return nil })
	if cfg.Redis.URL != "" {
		client, err := redisurl.Open(cfg.Redis)
		if err != nil {
			return h, err
		}
		p.onClose("redis", func(context.Context) error { return client.Close() })
		h.Redis = client
	}
	h.Accounts = accounts.NewDirectory(h.Pool)
	if h.Scaling, err = scaling.New(h.Pool, cfg.Scaling); err != nil {
		return h, err
	}
	h.Schedules = schedule.New(h.Pool, cfg.Backup.Kinds(tasks.Schedulable()), p.log)
	h.Mail, err = mail.New(h.Pool, cfg.Mail, p.log)
	return h, err
}

// openAll opens the whole house.
func (p *process) openAll(ctx context.Context) (admin.House, error) {
	var cfg houseConfig
	if err := p.load(houseNeeds, &cfg); err != nil {
		return admin.House{}, err
	}
	cfg.DB = cfg.DB.ForCommand()
	h, err := p.openHouse(ctx, cfg)
	if err != nil {
		return admin.House{}, err
	}
	return admin.House{
		Pool: h.pool, Accounts: accounts.NewDirectory(h.pool), Schedules: h.schedules, Mail: h.mail, Redis: h.redis,
		Stream: cfg.Stream, Engine: h.engine, Operations: h.operations, DeadLetters: h.deadletter, Datasets: h.datasets,
		Backups: h.backup, Reports: h.reports, Files: h.files, Tuning: h.tuning, Scaling: h.scaling,
	}, nil
}
