// Package admin is the administrators' door on the command line: what the API has under /api/admin, for whoever may run
// this program beside its database. Commands decode what was typed, call a capability and show what it says, to people
// or, with --json, to programs under the names that the API uses. What they change is in the audit log as the command
// line's.
package admin

import (
	"context"

	"github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"

	"rohrpost/db"
	"rohrpost/internal/accounts"
	"rohrpost/internal/audit"
	"rohrpost/internal/backup"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/datasets"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/files"
	"rohrpost/internal/mail"
	"rohrpost/internal/operations"
	"rohrpost/internal/queue"
	"rohrpost/internal/reports"
	"rohrpost/internal/scaling"
	"rohrpost/internal/schedule"
	"rohrpost/internal/stream"
	"rohrpost/internal/tuning"
)

// Needs is how much of the house a command works on.
type Needs int

const (
	// Records is what lies in PostgreSQL. Redis is used where REDIS_URL names it, to follow jobs live.
	Records Needs = iota
	// Whole is Redis and the storage as well: to end jobs, which what belongs to them has to follow, and to reach files.
	Whole
)

// House is what commands work on.
type House struct {
	Pool      *db.Pool
	Accounts  *accounts.Directory
	Schedules *schedule.Service
	Mail      *mail.Service
	Scaling   *scaling.Service
	Redis     redis.UniversalClient // nil where nobody said where it is
	Stream    stream.Config

	// What only the whole house has.
	Engine      *queue.Engine
	Operations  *operations.Service
	DeadLetters *deadletter.Service
	Datasets    *datasets.Service
	Backups     *backup.Service
	Reports     *reports.Service
	Files       *files.Service
	Tuning      *tuning.Service
}

// Wire opens a house. The caller calls close, unless there is an error.
type Wire func(ctx context.Context, needs Needs) (h House, close func() error, err error)

// console is the command line of one process.
type console struct {
	screen   *terminal.Screen
	wire     Wire
	by       audit.Actor
	password string
}

// Command is `rohrpost admin`. The password is for a new administrator; where it is empty, it is asked for.
func Command(screen *terminal.Screen, wire Wire, password string) *cobra.Command {
	c := &console{screen: screen, wire: wire, by: audit.CommandLine(), password: password}
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Look after the accounts, jobs, schedules, mail and storage",
		Long: "Look after the accounts, jobs, schedules, mail and storage, beside the database that DATABASE_URL names. What is\n" +
			"changed is in the audit log under the names of the login and the machine.\n\n" +
			"Exit codes: 0 is done, 1 is failed or refused, 2 is not understood, 130 is interrupted.",
	}
	cmd.PersistentFlags().BoolVar(&screen.JSON, "json", false, "write JSON, under the names that the HTTP API uses")
	cmd.AddCommand(
		c.createCommand(), c.usersCommand(),
		c.jobsCommand(), c.deadLettersCommand(), c.queuesCommand(), c.workersCommand(), c.scalingCommand(),
		c.schedulesCommand(), c.cleanupCommand(), c.backupsCommand(), c.quarantineCommand(), c.reportsCommand(),
		c.datasetsCommand(), c.tuningsCommand(), c.modelsCommand(),
		c.mailsCommand(), c.suppressionsCommand(), c.auditCommand(), c.queriesCommand(),
	)
	return cmd
}
