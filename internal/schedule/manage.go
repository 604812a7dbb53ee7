package schedule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// What changes a schedule happens in the caller's transaction, and so does the entry in the audit log that says who did it.

// Create adds a schedule. Errors: invalid, conflict where the name is taken.
func (s *Service) Create(ctx context.Context, tx pgx.Tx, by audit.Actor, spec Spec) (Schedule, error) {
	spec, table, err := s.check(spec)
	if err != nil {
		return Schedule{}, err
	}
	now, err := s.now(ctx, tx)
	if err != nil {
		return Schedule{}, err
	}
	row, err := s.queries.InsertSchedule(ctx, tx, db.InsertScheduleParams{
		Name: spec.Name, Cron: spec.Cron, Zone: spec.Zone, Kind: spec.Kind, Args: spec.Args, CatchUp: spec.CatchUp,
		NextAt: table.Next(now),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Schedule{}, fault.New(fault.Conflict, "There is a schedule %q already.", spec.Name)
	}
	if err != nil {
		return Schedule{}, fmt.Errorf("create schedule %s: %w", spec.Name, err)
	}
	if err := record(ctx, tx, by, "create", row); err != nil {
		return Schedule{}, err
	}
	return s.shown(ctx, tx, row)
}

// Change says what is to be different; nil leaves it.
type Change struct {
	Cron, Zone, CatchUp *string
	Args                json.RawMessage
}

// Change changes a schedule. A built-in one stays as it is made then, also in later releases. With another timetable it
// goes on from now. Errors: not_found, invalid.
func (s *Service) Change(ctx context.Context, tx pgx.Tx, by audit.Actor, name string, change Change) (Schedule, error) {
	return s.update(ctx, tx, by, "change", name, func(row *db.Schedule) (anew bool) {
		anew = change.Cron != nil || change.Zone != nil
		set(&row.Cron, change.Cron)
		set(&row.Zone, change.Zone)
		set(&row.CatchUp, change.CatchUp)
		if change.Args != nil {
			row.Args = change.Args
		}
		row.Customized = row.Customized || anew || change.CatchUp != nil || change.Args != nil
		return anew
	})
}

// Pause has a schedule start nothing until it is resumed; what is running goes on. Pausing a paused one is fine. Errors:
// not_found.
func (s *Service) Pause(ctx context.Context, tx pgx.Tx, by audit.Actor, name string) (Schedule, error) {
	return s.update(ctx, tx, by, pause, name, func(row *db.Schedule) bool {
		row.Paused = true
		return false
	})
}

// Resume has a paused schedule go on from now: what it would have started meanwhile is not made up for. Resuming one
// that isn't paused is fine. Errors: not_found, invalid where it was set aside for what it still says.
func (s *Service) Resume(ctx context.Context, tx pgx.Tx, by audit.Actor, name string) (Schedule, error) {
	return s.update(ctx, tx, by, "resume", name, func(row *db.Schedule) bool {
		anew := row.Paused
		row.Paused = false
		return anew
	})
}

// pause is the one action for which what is stored may be nothing that this release takes.
const pause = "pause"

// update lets fn change a schedule's row, which is then looked at; fn says whether its ticks begin anew.
func (s *Service) update(ctx context.Context, tx pgx.Tx, by audit.Actor, action, name string,
	fn func(row *db.Schedule) bool) (Schedule, error) {
	row, err := s.lock(ctx, tx, name)
	if err != nil {
		return Schedule{}, err
	}
	anew := fn(&row)
	if action != pause {
		spec, table, err := s.check(Spec{row.Name, row.Cron, row.Zone, row.Kind, row.Args, row.CatchUp})
		if err != nil {
			return Schedule{}, err
		}
		row.Args, row.CatchUp = spec.Args, spec.CatchUp
		if anew && !row.Paused {
			now, err := s.now(ctx, tx)
			if err != nil {
				return Schedule{}, err
			}
			next := table.Next(now)
			row.NextAt = &next
		}
	}
	if row.Paused {
		row.NextAt = nil
	}
	row, err = s.queries.UpdateSchedule(ctx, tx, db.UpdateScheduleParams{
		Name: name, Cron: row.Cron, Zone: row.Zone, Args: row.Args, CatchUp: row.CatchUp, Paused: row.Paused,
		Customized: row.Customized, NextAt: row.NextAt,
	})
	if err != nil {
		return Schedule{}, fmt.Errorf("change schedule %s: %w", name, err)
	}
	if err := record(ctx, tx, by, action, row); err != nil {
		return Schedule{}, err
	}
	return s.shown(ctx, tx, row)
}

// Delete removes a schedule and what is known of its ticks; jobs that it started go on. Errors: not_found, conflict for
// a built-in one, which can only be paused.
func (s *Service) Delete(ctx context.Context, tx pgx.Tx, by audit.Actor, name string) error {
	row, err := s.lock(ctx, tx, name)
	if err != nil {
		return err
	}
	if row.Builtin {
		return fault.New(fault.Conflict, "A built-in schedule can be paused, not deleted.")
	}
	if _, err := s.queries.DeleteSchedule(ctx, tx, name); err != nil {
		return fmt.Errorf("delete schedule %s: %w", name, err)
	}
	return record(ctx, tx, by, "delete", row)
}

// RunNow starts the job of a schedule, also of a paused one, for by, who can follow it then; its ticks come as before.
// Errors: not_found, invalid where the kind does not take what is stored.
func (s *Service) RunNow(ctx context.Context, tx pgx.Tx, by audit.Actor, name string) (queue.Record, error) {
	row, err := s.lock(ctx, tx, name)
	if err != nil {
		return queue.Record{}, err
	}
	kind, ok := s.kinds[row.Kind]
	if !ok {
		return queue.Record{}, fault.New(fault.Invalid, "Jobs of kind %q can't be scheduled.", row.Kind)
	}
	now, err := s.now(ctx, tx)
	if err != nil {
		return queue.Record{}, err
	}
	job, err := queue.EnqueueRaw(ctx, tx, kind, row.Args, queue.By(by.User), queue.Unique(key(name, now)))
	if err != nil {
		return queue.Record{}, fmt.Errorf("run schedule %s: %w", name, err)
	}
	if err := s.note(ctx, tx, name, true, now, fired{now, job.ID}); err != nil {
		return queue.Record{}, err
	}
	err = audit.Record(ctx, tx, by, audit.Entry{
		Action: "schedule.run", Target: name, Detail: map[string]uuid.UUID{"job": job.ID},
	})
	return job, err
}

func (s *Service) lock(ctx context.Context, tx pgx.Tx, name string) (db.Schedule, error) {
	if !nameShape.MatchString(name) {
		return db.Schedule{}, errNoSchedule
	}
	row, err := s.queries.LockSchedule(ctx, tx, name)
	if err != nil {
		return row, notFound(err)
	}
	return row, nil
}

// record notes who did what to a schedule, and what it says from then on.
func record(ctx context.Context, tx pgx.Tx, by audit.Actor, action string, row db.Schedule) error {
	return audit.Record(ctx, tx, by, audit.Entry{Action: "schedule." + action, Target: row.Name, Detail: struct {
		Cron    string          `json:"cron"`
		Zone    string          `json:"zone"`
		Kind    string          `json:"kind"`
		Args    json.RawMessage `json:"args"`
		CatchUp string          `json:"catch_up"`
	}{row.Cron, row.Zone, row.Kind, row.Args, row.CatchUp}})
}

func set(to *string, from *string) {
	if from != nil {
		*to = *from
	}
}
