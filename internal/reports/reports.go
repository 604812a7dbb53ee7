package reports

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// Whose use a report is about.
const (
	Mine     = "mine"
	Everyone = "everyone" // for admins only
)

// The states of a report on record.
const (
	stateBuilding = "building"
	stateBuilt    = "built"
	stateFailed   = "failed"
)

const (
	// queryTimeout bounds what a call asks of PostgreSQL beside the counting: some rows by key.
	queryTimeout = 10 * time.Second
	roleAdmin    = "admin"
)

// Config bounds the counting. Zero values work.
type Config struct {
	// QueryTimeout bounds each of the dozen statements that count; 0 takes a minute.
	QueryTimeout time.Duration `env:"REPORTS_QUERY_TIMEOUT"`
}

// Events takes live events, as a [stream.Log] does.
type Events interface {
	Append(ctx context.Context, epoch int64, entries ...stream.Entry) error
}

// Deps is what the service works with. They stay the caller's to close.
type Deps struct {
	Pool   *db.Pool
	Files  *files.Service
	Mail   *mail.Service // nil where none is sent
	Events Events
	Log    *slog.Logger
}

// Service is the capability. It is safe for concurrent use.
type Service struct {
	Deps
	queries      *db.Queries
	queryTimeout time.Duration
	engine       *queue.Engine // set by Follow
}

// New makes the service. A value of cfg that can't be used is an error with code invalid that names the variable.
func New(deps Deps, cfg Config) (*Service, error) {
	switch {
	case cfg.QueryTimeout == 0:
		cfg.QueryTimeout = defaultQueryTimeout
	case cfg.QueryTimeout < time.Millisecond:
		return nil, fault.New(fault.Invalid, "REPORTS_QUERY_TIMEOUT is %s, under its floor of 1ms", cfg.QueryTimeout)
	}
	return &Service{Deps: deps, queries: db.New(), queryTimeout: cfg.QueryTimeout}, nil
}

// Wanted is a request for a report, in the words of who asks. Zero values take what is usual.
type Wanted struct {
	From, To string   // see [ParsePeriod]
	Zone     string   // IANA name of the time zone whose days are counted; UTC
	Scope    string   // Mine or Everyone; Mine
	Formats  []string // of [tasks.ReportFormats]; nil is all
}

// Request writes a report down and enqueues its job, in tx. Errors: invalid, and forbidden for who is no admin and asks
// about everyone.
func (s *Service) Request(ctx context.Context, tx pgx.Tx, owner uuid.UUID, w Wanted) (db.Report, error) {
	period, err := ParsePeriod(w.From, w.To, w.Zone, time.Now())
	if err != nil {
		return db.Report{}, err
	}
	row := db.InsertReportParams{
		Owner: owner, Scope: w.Scope, FromAt: period.From, ToAt: period.To, Zone: period.Zone.String(),
	}
	if row.Formats, err = formats(w.Formats); err != nil {
		return db.Report{}, err
	}
	switch w.Scope {
	case "":
		row.Scope = Mine
	case Mine:
	case Everyone:
		if err := s.allowed(ctx, tx, owner); err != nil {
			return db.Report{}, err
		}
	default:
		return db.Report{}, fault.New(fault.Invalid, "The field scope is neither %s nor %s.", Mine, Everyone)
	}
	return s.enqueue(ctx, tx, row)
}

// enqueue adds the id and the job to a report.
func (s *Service) enqueue(ctx context.Context, tx pgx.Tx, row db.InsertReportParams) (db.Report, error) {
	var err error
	if row.ID, err = uuid.NewV7(); err != nil {
		return db.Report{}, fmt.Errorf("report id: %w", err)
	}
	job, err := queue.Enqueue(ctx, tx, tasks.BuildReport, tasks.BuildReportArgs{ReportID: row.ID}, queue.By(row.Owner))
	if err != nil {
		return db.Report{}, fmt.Errorf("request a report: %w", err)
	}
	row.JobID = job.ID
	report, err := s.queries.InsertReport(ctx, tx, row)
	if err != nil {
		return db.Report{}, fmt.Errorf("request a report: %w", err)
	}
	return report, nil
}

// formats returns each of them once, in the usual order.
func formats(wanted []string) ([]string, error) {
	if wanted == nil {
		return tasks.ReportFormats(), nil
	}
	if len(wanted) == 0 {
		return nil, fault.New(fault.Invalid, "The field formats is empty; leave it out to get all of them.")
	}
	if err := tasks.CheckReportFormats(wanted); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(tasks.ReportFormats(), func(f string) bool { return !slices.Contains(wanted, f) }), nil
}

// allowed refuses a report about everyone to who is no admin, with code forbidden.
func (s *Service) allowed(ctx context.Context, on db.DBTX, user uuid.UUID) error {
	found, err := s.queries.UserByID(ctx, on, user)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && found.Role != roleAdmin {
		return fault.New(fault.Forbidden, "Only an admin may ask about everyone.")
	}
	if err != nil {
		return fmt.Errorf("role of %s: %w", user, err)
	}
	return nil
}
