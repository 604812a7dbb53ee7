package reports

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	// defaultQueryTimeout is for a statement that reads a year of a busy installation.
	defaultQueryTimeout = time.Minute
	mostModels          = 100  // that are listed by name
	mostUsers           = 1000 // likewise
)

// measure counts everything in one transaction that reads one snapshot, so that the numbers agree with one another, each
// statement within the time limit.
func (s *Service) measure(ctx context.Context, report db.Report, owner db.User) (Usage, error) {
	tx, err := s.Pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return Usage{}, fmt.Errorf("measure %s: %w", report.ID, err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was written
	_, err = tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true),
		set_config('plan_cache_mode', 'force_custom_plan', true)`, fmt.Sprintf("%dms", s.queryTimeout.Milliseconds()))
	if err != nil {
		return Usage{}, fmt.Errorf("measure %s: %w", report.ID, err)
	}
	m := measurement{ctx: ctx, tx: tx, q: s.queries, usage: newUsage(report, owner)}
	if report.Scope == Mine {
		m.owner = &report.Owner
	}
	for _, count := range []func() error{m.begin, m.jobs, m.files, m.storage, m.ai, m.users} {
		if err := count(); err != nil {
			return Usage{}, s.unmeasured(report, err)
		}
	}
	return m.usage, nil
}

// unmeasured gives a statement that ran out of time its code.
func (s *Service) unmeasured(report db.Report, err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "57014" { // query_canceled
		return fault.Wrap(err, fault.Timeout, "Counting took longer than %s; a shorter period takes less.", s.queryTimeout)
	}
	return fmt.Errorf("measure %s: %w", report.ID, err)
}

func newUsage(report db.Report, owner db.User) Usage {
	return Usage{
		Schema: Schema, ReportID: report.ID, Scope: report.Scope, Notes: []string{},
		Owner:  Person{ID: owner.ID, Email: owner.Email, Name: owner.Name},
		Period: Span{From: report.FromAt.UTC(), To: report.ToAt.UTC(), Zone: report.Zone},
	}
}

// measurement is the counting for one report.
type measurement struct {
	ctx         context.Context
	tx          pgx.Tx
	q           *db.Queries
	owner       *uuid.UUID // nil for everyone
	from, until time.Time
	bounds      []time.Time
	usage       Usage
}

func (m *measurement) begin() error {
	now, err := m.q.UsageSnapshot(m.ctx, m.tx)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	u := &m.usage
	zone, err := tasks.ReportZone(u.Period.Zone)
	if err != nil {
		return err
	}
	period := Period{From: u.Period.From, To: u.Period.To, Zone: zone}
	u.MadeAt, u.Period.Until = now.At.UTC(), u.Period.To
	if u.MadeAt.Before(u.Period.To) {
		u.Period.Until = u.MadeAt
		u.Notes = append(u.Notes, "The period was not over when this was made: the numbers are those up to then.")
	}
	m.from, m.until = u.Period.From, u.Period.Until
	m.bounds = period.days(m.until)
	for _, start := range m.bounds {
		u.Days = append(u.Days, DayNumbers{Day: start.In(period.Zone).Format(dateForm), From: start})
	}
	if since := now.CompleteSince; since != nil && m.from.Before(*since) {
		u.Notes = append(u.Notes, fmt.Sprintf("Jobs and files that were deleted before %s are not counted: their numbers were "+
			"not kept, or are not kept for so long.", since.In(period.Zone).Format(minuteForm)))
	}
	return nil
}

func (m *measurement) jobs() error {
	rows, err := m.q.JobUsage(m.ctx, m.tx, db.JobUsageParams{FromAt: m.from, Until: m.until, Owner: m.owner})
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	jobs := &m.usage.Jobs
	jobs.ByKind = []KindJobs{}
	for _, r := range rows {
		wait, run := percentiles(r.Waited, 1), percentiles(r.Ran, 1)
		if r.Kind == "" {
			jobs.Ended, jobs.Wait, jobs.Run = r.Jobs, wait, run
			continue
		}
		jobs.ByKind = append(jobs.ByKind, KindJobs{Kind: r.Kind, Outcome: r.State, Jobs: r.Jobs, Wait: wait, Run: run})
	}
	days, err := m.q.JobUsageByDay(m.ctx, m.tx,
		db.JobUsageByDayParams{Bounds: m.bounds, FromAt: m.from, Until: m.until, Owner: m.owner})
	if err != nil {
		return fmt.Errorf("jobs by day: %w", err)
	}
	for _, r := range days {
		day := &m.usage.Days[r.Day]
		day.Succeeded, day.Failed, day.Cancelled = r.Succeeded, r.Failed, r.Cancelled
	}
	return nil
}

func (m *measurement) files() error {
	rows, err := m.q.FileUsage(m.ctx, m.tx, db.FileUsageParams{FromAt: m.from, Until: m.until, Owner: m.owner})
	if err != nil {
		return fmt.Errorf("files: %w", err)
	}
	files := &m.usage.Files
	files.ByVerdict = []VerdictFiles{}
	for _, r := range rows {
		files.Stored += r.Files
		files.Bytes += r.Bytes
		files.ByVerdict = append(files.ByVerdict, VerdictFiles{Verdict: r.Verdict, Files: r.Files, Bytes: r.Bytes})
	}
	days, err := m.q.FileUsageByDay(m.ctx, m.tx,
		db.FileUsageByDayParams{Bounds: m.bounds, FromAt: m.from, Until: m.until, Owner: m.owner})
	if err != nil {
		return fmt.Errorf("files by day: %w", err)
	}
	for _, r := range days {
		m.usage.Days[r.Day].Files, m.usage.Days[r.Day].Bytes = r.Files, r.Bytes
	}
	return nil
}

func (m *measurement) storage() error {
	rows, err := m.q.StorageAt(m.ctx, m.tx, db.StorageAtParams{Until: m.until, Owner: m.owner})
	if err != nil {
		return fmt.Errorf("storage: %w", err)
	}
	storage := &m.usage.Storage
	storage.ByStatus = []StatusFiles{}
	for _, r := range rows {
		storage.Files += r.Files
		storage.Bytes += r.Bytes
		storage.ByStatus = append(storage.ByStatus, StatusFiles{Status: r.Status, Files: r.Files, Bytes: r.Bytes})
	}
	storage.ThumbnailBytes, err = m.q.ThumbnailBytes(m.ctx, m.tx, db.ThumbnailBytesParams{Until: m.until, Owner: m.owner})
	if err != nil {
		return fmt.Errorf("thumbnails: %w", err)
	}
	return nil
}

func (m *measurement) ai() error {
	rows, err := m.q.AIUsage(m.ctx, m.tx,
		db.AIUsageParams{FromAt: m.from, Until: m.until, Owner: m.owner, Most: mostModels + 1}) // and the sum of all
	if err != nil {
		return fmt.Errorf("questions: %w", err)
	}
	ai := &m.usage.AI
	ai.ByModel = []ModelQuestions{}
	var others Questions
	for _, r := range rows {
		q := Questions{
			Queries: r.Queries, Answered: r.Answered, Cancelled: r.Cancelled, Failed: r.Failed,
			PromptTokens: r.PromptTokens, CompletionTokens: r.CompletionTokens,
			FirstToken: percentiles(r.FirstTokenMs, milli), Answer: percentiles(r.TotalMs, milli),
		}
		if r.Model == "" {
			ai.Questions, others = q, q
			continue
		}
		ai.ByModel = append(ai.ByModel, ModelQuestions{Model: r.Model, Questions: q})
		others = others.less(q)
	}
	if others.Queries > 0 {
		others.FirstToken, others.Answer = nil, nil
		ai.Others = &others
	}
	days, err := m.q.AIUsageByDay(m.ctx, m.tx,
		db.AIUsageByDayParams{Bounds: m.bounds, FromAt: m.from, Until: m.until, Owner: m.owner})
	if err != nil {
		return fmt.Errorf("questions by day: %w", err)
	}
	for _, r := range days {
		day := &m.usage.Days[r.Day]
		day.Queries, day.PromptTokens, day.CompletionTokens = r.Queries, r.PromptTokens, r.CompletionTokens
	}
	return nil
}

// users come last: what is not theirs one by one is what the rest left over.
func (m *measurement) users() error {
	if m.owner != nil {
		return nil
	}
	rows, err := m.q.UsageByUser(m.ctx, m.tx, db.UsageByUserParams{FromAt: m.from, Until: m.until, Most: mostUsers})
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}
	users := &UserNumbers{Listed: make([]UserUsage, len(rows))}
	u := m.usage
	others := Amounts{
		Jobs: u.Jobs.Ended, Files: u.Files.Stored, Bytes: u.Files.Bytes,
		Queries: u.AI.Queries, PromptTokens: u.AI.PromptTokens, CompletionTokens: u.AI.CompletionTokens,
	}
	for i, r := range rows {
		a := Amounts{
			Jobs: r.Jobs, Files: r.Files, Bytes: r.Bytes,
			Queries: r.Queries, PromptTokens: r.PromptTokens, CompletionTokens: r.CompletionTokens,
		}
		users.Listed[i] = UserUsage{User: person(r), Amounts: a}
		others = others.less(a)
	}
	if others != (Amounts{}) {
		users.Others = &others
	}
	m.usage.Users = users
	return nil
}

func person(r db.UsageByUserRow) Person {
	p := Person{ID: r.Owner}
	if r.Email != nil {
		p.Email, p.Name = *r.Email, *r.Name
	}
	return p
}

// label is what somebody is called in a table.
func (p Person) label() string {
	switch {
	case p.Email != "":
		return p.Email
	case p.ID == queue.System:
		return "system"
	}
	return "deleted account " + p.ID.String()
}

// milli is what PostgreSQL's numbers of some columns count.
const milli = 1e-3

// percentiles reads the three that the queries ask for, in units of a part of a second; nil where nothing was measured.
func percentiles(values []float64, unit float64) *Percentiles {
	if len(values) != 3 {
		return nil
	}
	rounded := func(v float64) float64 { return math.Round(v*unit*1000) / 1000 }
	return &Percentiles{P50: rounded(values[0]), P95: rounded(values[1]), P99: rounded(values[2])}
}
