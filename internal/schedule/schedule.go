// Package schedule starts jobs by the clock: schedules that say when a job of which kind is due, and a tick for each
// time that one is.
//
// PostgreSQL holds both. Whoever finds a schedule due locks its row, enqueues the job, notes the tick (one row for each
// schedule and tick, the primary key) and moves the schedule on, all in one transaction: a tick starts its job once or
// not at all, whatever dies when, and any number of processes may look. All of them go by PostgreSQL's clock, so that no
// two clocks are ever compared.
//
// A tick that was not dealt with within [OnTime] counts as missed: nobody was there to look. The schedule's catch-up
// says what becomes of it.
package schedule

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// What becomes of the ticks that were missed.
const (
	CatchUpSkip = "skip" // nothing
	CatchUpOnce = "once" // one job makes up for all of them, unless a tick that is on time does so
	CatchUpAll  = "all"  // each starts its job late; the last MostMissed of them
)

const (
	// OnTime is how late a tick may be without counting as missed: as long as PostgreSQL or all schedulers take to start
	// again.
	OnTime = 10 * time.Second
	// MostMissed bounds the jobs that a gap is made up for with.
	MostMissed = 1000
	// upcoming is how many of the next ticks are shown.
	upcoming = 5
	// statementTimeout bounds one call. It takes milliseconds, but for a gap with many ticks.
	statementTimeout = 10 * time.Second
)

// Spec is a schedule as somebody writes it.
type Spec struct {
	Name    string          // lower-case letters, digits, and - inside
	Cron    string          // see [ParseTimetable]
	Zone    string          // IANA name of the time zone
	Kind    string          // of the jobs, one of [Service.Kinds]
	Args    json.RawMessage // of the jobs, a JSON object as the kind takes it; nothing is {}
	CatchUp string          // [CatchUpSkip], [CatchUpOnce] or [CatchUpAll]; nothing is [CatchUpOnce]
}

// Schedule is a schedule with what is next and what was last.
type Schedule struct {
	db.Schedule
	Next []time.Time // the coming ticks; none while it is paused
	Last *Run        // nil before the first
}

// Run is a tick that started a job.
type Run struct {
	Tick    time.Time // when it was due, or when somebody asked for it
	Manual  bool      // somebody asked for it
	FiredAt time.Time // when the job was enqueued
	JobID   uuid.UUID
	// Of the job: the state is nil where its record was swept.
	State                   *string
	StartedAt, FinishedAt   *time.Time
	ErrorCode, ErrorMessage *string
}

// Service is the capability. It is safe for concurrent use.
type Service struct {
	pool     *db.Pool
	queries  *db.Queries
	kinds    map[string]queue.RawKind
	names    []string // of the kinds
	clock    func() time.Time
	log      *slog.Logger
	lateness prometheus.Histogram
}

// Option refines a service.
type Option func(*Service)

// Clock replaces PostgreSQL's clock.
func Clock(now func() time.Time) Option { return func(s *Service) { s.clock = now } }

// New makes the service. kinds are those that may be scheduled.
func New(pool *db.Pool, kinds []queue.RawKind, log *slog.Logger, opts ...Option) *Service {
	s := &Service{pool: pool, queries: db.New(), kinds: map[string]queue.RawKind{}, log: log, lateness: newLateness()}
	for _, kind := range kinds {
		s.kinds[kind.Name] = kind
		s.names = append(s.names, kind.Name)
	}
	slices.Sort(s.names)
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// Kinds are the names of the kinds that may be scheduled.
func (s *Service) Kinds() []string { return slices.Clone(s.names) }

// owned is the time of the clock that a test owns, nil for PostgreSQL's.
func (s *Service) owned() *time.Time {
	if s.clock == nil {
		return nil
	}
	now := s.clock()
	return &now
}

func (s *Service) now(ctx context.Context, tx db.DBTX) (time.Time, error) {
	now, err := s.queries.ClockTime(ctx, tx, s.owned())
	if err != nil {
		return now, fmt.Errorf("clock: %w", err)
	}
	return now, nil
}

var nameShape = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// check looks at a spec as somebody wrote it, and returns it as it is to be stored.
func (s *Service) check(spec Spec) (Spec, Timetable, error) {
	if !nameShape.MatchString(spec.Name) {
		return spec, Timetable{}, fault.New(fault.Invalid,
			"The name of a schedule has up to 63 lower-case letters and digits, and - between them.")
	}
	table, err := ParseTimetable(spec.Cron, spec.Zone)
	if err != nil {
		return spec, Timetable{}, err
	}
	kind, ok := s.kinds[spec.Kind]
	if !ok {
		return spec, Timetable{}, fault.New(fault.Invalid, "Jobs of kind %q can't be scheduled.", spec.Kind)
	}
	if spec.Args, err = kind.Check(spec.Args); err != nil {
		return spec, Timetable{}, err
	}
	if bytes.Contains(spec.Args, []byte(`\u0000`)) { // PostgreSQL stores no such thing
		return spec, Timetable{}, fault.New(fault.Invalid, "The arguments hold a NUL.")
	}
	switch spec.CatchUp {
	case "":
		spec.CatchUp = CatchUpOnce
	case CatchUpSkip, CatchUpOnce, CatchUpAll:
	default:
		return spec, Timetable{}, fault.New(fault.Invalid, "The catch-up is one of skip, once and all.")
	}
	return spec, table, nil
}

var errNoSchedule error = fault.New(fault.NotFound, "There is no such schedule.")

func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return errNoSchedule
	}
	return err
}
