package schedule

import (
	"context"
	"fmt"
	"time"

	"rohrpost/db"
)

// List returns all schedules by name.
func (s *Service) List(ctx context.Context) ([]Schedule, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	rows, err := s.queries.Schedules(ctx, s.pool)
	if err != nil {
		return nil, fmt.Errorf("schedules: %w", err)
	}
	return s.show(ctx, s.pool, rows)
}

// Get returns a schedule. Errors: not_found.
func (s *Service) Get(ctx context.Context, name string) (Schedule, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	row, err := s.named(ctx, name)
	if err != nil {
		return Schedule{}, err
	}
	return s.shown(ctx, s.pool, row)
}

func (s *Service) named(ctx context.Context, name string) (db.Schedule, error) {
	if !nameShape.MatchString(name) {
		return db.Schedule{}, errNoSchedule
	}
	row, err := s.queries.ScheduleByName(ctx, s.pool, name)
	if err != nil {
		return row, notFound(err)
	}
	return row, nil
}

// Runs returns up to limit runs of a schedule whose ticks lie before a time, or the last for a zero time; the latest
// first. Errors: not_found.
func (s *Service) Runs(ctx context.Context, name string, before time.Time, limit int32) ([]Run, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	if _, err := s.named(ctx, name); err != nil {
		return nil, err
	}
	if before.IsZero() {
		before = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	rows, err := s.queries.RunsBefore(ctx, s.pool, db.RunsBeforeParams{Schedule: name, Before: before, PageSize: limit})
	if err != nil {
		return nil, fmt.Errorf("runs of %s: %w", name, err)
	}
	runs := make([]Run, len(rows))
	for i, r := range rows {
		runs[i] = Run{r.Tick, r.Manual, r.FiredAt, r.JobID, r.State, r.StartedAt, r.FinishedAt, r.ErrorCode, r.ErrorMessage}
	}
	return runs, nil
}

func (s *Service) shown(ctx context.Context, tx db.DBTX, row db.Schedule) (Schedule, error) {
	all, err := s.show(ctx, tx, []db.Schedule{row})
	if err != nil {
		return Schedule{}, err
	}
	return all[0], nil
}

// show adds to rows what is next and what was last.
func (s *Service) show(ctx context.Context, tx db.DBTX, rows []db.Schedule) ([]Schedule, error) {
	all, names, at := make([]Schedule, len(rows)), make([]string, len(rows)), make(map[string]int, len(rows))
	for i, row := range rows {
		all[i], names[i], at[row.Name] = Schedule{Schedule: row, Next: coming(row)}, row.Name, i
	}
	last, err := s.queries.LastRuns(ctx, tx, names)
	if err != nil {
		return nil, fmt.Errorf("last runs: %w", err)
	}
	for _, r := range last {
		all[at[r.Schedule]].Last = &Run{
			r.Tick, r.Manual, r.FiredAt, r.JobID, r.State, r.StartedAt, r.FinishedAt, r.ErrorCode, r.ErrorMessage,
		}
	}
	return all, nil
}

// coming are the next ticks of a schedule, beginning with one that is due.
func coming(row db.Schedule) []time.Time {
	table, err := ParseTimetable(row.Cron, row.Zone)
	if row.NextAt == nil || err != nil {
		return nil
	}
	ticks := []time.Time{row.NextAt.UTC()}
	for len(ticks) < upcoming {
		tick := table.Next(ticks[len(ticks)-1])
		if tick.IsZero() {
			break
		}
		ticks = append(ticks, tick.UTC())
	}
	return ticks
}
