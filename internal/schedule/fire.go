package schedule

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// frozen is how long a process may hold a schedule without saying anything to PostgreSQL, which then drops its
// connection: it was stopped, or its machine is gone without closing it. One that was killed lets go at once.
const frozen = "750ms"

// fired is a tick and the job that it started.
type fired struct {
	tick time.Time
	job  uuid.UUID
}

// Fire starts the jobs of all ticks that are due and returns how long it is to the next tick: nothing or less where
// another process has one in hand. Any number of processes may
// call it at once. After an error, call it again before long: what was fired before it stays so.
func (s *Service) Fire(ctx context.Context) (wait time.Duration, err error) {
	for {
		found, err := s.fireNext(ctx)
		if err != nil {
			return 0, fmt.Errorf("fire schedules: %w", err)
		}
		if !found {
			break
		}
	}
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	seconds, err := s.queries.SecondsToNextTick(ctx, s.pool, db.SecondsToNextTickParams{Now: s.owned(), Kinds: s.names})
	if err != nil {
		return 0, fmt.Errorf("next tick: %w", err)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// fireNext fires the schedule that has been due for the longest; found is false where none is.
func (s *Service) fireNext(ctx context.Context) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	err = db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		found = false
		if _, err := tx.Exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = '"+frozen+"'"); err != nil {
			return err
		}
		due, err := s.queries.TakeDueSchedule(ctx, tx, db.TakeDueScheduleParams{Now: s.owned(), Kinds: s.names})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		return s.fire(ctx, tx, due.Schedule, due.Now)
	})
	return found, err
}

// fire deals with all ticks of a locked schedule up to now.
func (s *Service) fire(ctx context.Context, tx pgx.Tx, row db.Schedule, now time.Time) error {
	table, err := ParseTimetable(row.Cron, row.Zone)
	if err != nil { // it was read when it was stored, by an older release
		why := fault.Message(err)
		s.log.Error("schedule paused, its timetable can't be read", "schedule", row.Name, "err", err)
		return s.queries.SetScheduleAside(ctx, tx, db.SetScheduleAsideParams{Name: row.Name, Trouble: &why})
	}
	next := table.Next(now)
	if next.IsZero() {
		why := "It does not tick any more."
		return s.queries.SetScheduleAside(ctx, tx, db.SetScheduleAsideParams{Name: row.Name, Trouble: &why})
	}
	ticks, err := s.unfired(ctx, tx, row.Name, table.toFire(row.CatchUp, *row.NextAt, now))
	if err != nil {
		return err
	}
	if late := now.Sub(*row.NextAt); late > OnTime {
		s.log.Warn("ticks were missed", "schedule", row.Name, "since", *row.NextAt, "catch_up", row.CatchUp, "start", len(ticks))
	}
	var started []fired
	var trouble *string
	for _, tick := range ticks {
		job, err := queue.EnqueueRaw(ctx, tx, s.kinds[row.Kind], row.Args, queue.Unique(key(row.Name, tick)))
		if fault.CodeOf(err) == fault.Invalid { // the kind takes other arguments in this release
			why := fault.Message(err)
			trouble = &why
			s.log.Error("tick starts nothing", "schedule", row.Name, "tick", tick, "err", err)
			break
		}
		if err != nil {
			return fmt.Errorf("tick %s: %w", key(row.Name, tick), err)
		}
		started = append(started, fired{tick, job.ID})
		s.lateness.Observe(now.Sub(tick).Seconds())
	}
	if err := s.note(ctx, tx, row.Name, false, now, started...); err != nil {
		return err
	}
	return s.queries.MoveSchedule(ctx, tx, db.MoveScheduleParams{Name: row.Name, NextAt: next, Trouble: trouble})
}

// toFire are the ticks from next up to now that are to start jobs.
func (t Timetable) toFire(catchUp string, next, now time.Time) []time.Time {
	before := next.Add(-1)
	if catchUp == CatchUpAll {
		return t.between(before, now, MostMissed)
	}
	punctual := before
	if limit := now.Add(-OnTime); limit.After(punctual) {
		punctual = limit
	}
	ticks := t.between(punctual, now, MostMissed)
	if len(ticks) == 0 && catchUp == CatchUpOnce {
		ticks = t.between(before, now, 1)
	}
	return ticks
}

// unfired leaves out ticks that were fired before: PostgreSQL's clock went back, or the schedule was changed. Only the
// holder of the schedule's lock fires ticks, so none can come in between.
func (s *Service) unfired(ctx context.Context, tx pgx.Tx, name string, ticks []time.Time) ([]time.Time, error) {
	before, err := s.queries.FiredTicks(ctx, tx, db.FiredTicksParams{Schedule: name, Ticks: ticks})
	if err != nil {
		return nil, fmt.Errorf("ticks of %s: %w", name, err)
	}
	known := make(map[int64]bool, len(before))
	for _, tick := range before {
		known[tick.UnixMicro()] = true
	}
	left := ticks[:0]
	for _, tick := range ticks {
		if !known[tick.UnixMicro()] {
			left = append(left, tick)
		}
	}
	return left, nil
}

// note puts ticks on record.
func (s *Service) note(ctx context.Context, tx pgx.Tx, name string, manual bool, at time.Time, started ...fired) error {
	if len(started) == 0 {
		return nil
	}
	p := db.InsertTicksParams{Schedule: name, Manual: manual, FiredAt: at}
	for _, f := range started {
		p.Ticks, p.Jobs = append(p.Ticks, f.tick), append(p.Jobs, f.job)
	}
	if err := s.queries.InsertTicks(ctx, tx, p); err != nil {
		return fmt.Errorf("note ticks of %s: %w", name, err)
	}
	return nil
}

// key says of a job why it exists.
func key(name string, tick time.Time) string { return name + "/" + tick.UTC().Format(time.RFC3339Nano) }
