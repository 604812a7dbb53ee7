package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/queue"
	"rohrpost/internal/schedule"
)

// ListSchedules tells what runs by the clock.
func (s *Server) ListSchedules(c *fiber.Ctx) error {
	all, err := s.schedules.List(c.UserContext())
	if err != nil {
		return fmt.Errorf("list schedules: %w", err)
	}
	list := ScheduleList{Items: make([]Schedule, len(all))}
	for i, one := range all {
		list.Items[i] = shownSchedule(one)
	}
	return c.JSON(list)
}

// GetSchedule returns a schedule.
func (s *Server) GetSchedule(c *fiber.Ctx, name ScheduleName) error {
	one, err := s.schedules.Get(c.UserContext(), strings.Clone(name))
	if err != nil {
		return fmt.Errorf("get schedule: %w", err)
	}
	return c.JSON(shownSchedule(one))
}

// CreateSchedule has jobs start by the clock.
func (s *Server) CreateSchedule(c *fiber.Ctx, params CreateScheduleParams) error {
	var body NewSchedule
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	for _, field := range []struct{ name, value string }{
		{"name", body.Name}, {"cron", body.Cron}, {"zone", body.Zone}, {"kind", body.Kind},
	} {
		if err := needs(field.name, field.value != ""); err != nil {
			return err
		}
	}
	spec := schedule.Spec{
		Name: body.Name, Cron: body.Cron, Zone: body.Zone, Kind: body.Kind, Args: body.Args, CatchUp: text(body.CatchUp),
	}
	return s.carryOut(c, order{"POST /api/admin/schedules", params.IdempotencyKey, body}, fiber.StatusCreated,
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (any, string, error) {
			made, err := s.schedules.Create(ctx, tx, by, spec)
			return shownSchedule(made), "/api/admin/schedules/" + spec.Name, err
		})
}

// ChangeSchedule changes a schedule.
func (s *Server) ChangeSchedule(c *fiber.Ctx, name ScheduleName) error {
	var body ScheduleChange
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	change := schedule.Change{Cron: body.Cron, Zone: body.Zone, CatchUp: body.CatchUp, Args: body.Args}
	return s.reschedule(c, name, func(ctx context.Context, tx pgx.Tx, by audit.Actor, name string) (schedule.Schedule, error) {
		return s.schedules.Change(ctx, tx, by, name, change)
	})
}

// DeleteSchedule removes a schedule.
func (s *Server) DeleteSchedule(c *fiber.Ctx, name ScheduleName) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	name = strings.Clone(name)
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		return s.schedules.Delete(ctx, tx, audit.User(edge.Who(c).UserID), name)
	})
	if err != nil {
		return fmt.Errorf("delete a schedule: %w", err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// ListScheduleRuns returns a page of what a schedule started.
func (s *Server) ListScheduleRuns(c *fiber.Ctx, name ScheduleName, params ListScheduleRunsParams) error {
	size, _, err := pageOf(params.Limit, nil)
	if err != nil {
		return err
	}
	var before time.Time
	if params.Before != nil {
		before = *params.Before
	}
	runs, err := s.schedules.Runs(c.UserContext(), strings.Clone(name), before, int32(size)+1)
	if err != nil {
		return fmt.Errorf("list runs: %w", err)
	}
	page := ScheduleRunPage{}
	if len(runs) > size {
		runs = runs[:size]
		next := runs[size-1].Tick.UTC()
		page.Next = &next
	}
	page.Items = make([]ScheduleRun, len(runs))
	for i, run := range runs {
		page.Items[i] = shownRun(run)
	}
	return c.JSON(page)
}

// RunSchedule starts a schedule's job now, for the admin.
func (s *Server) RunSchedule(c *fiber.Ctx, name ScheduleName, params RunScheduleParams) error {
	name = strings.Clone(name)
	return s.enqueue(c, order{"POST /api/admin/schedules/{name}/run", params.IdempotencyKey, nil},
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (queue.Record, error) {
			return s.schedules.RunNow(ctx, tx, by, name)
		})
}

// PauseSchedule has a schedule start nothing until it is resumed.
func (s *Server) PauseSchedule(c *fiber.Ctx, name ScheduleName) error {
	return s.reschedule(c, name, s.schedules.Pause)
}

// ResumeSchedule has a paused schedule go on from now.
func (s *Server) ResumeSchedule(c *fiber.Ctx, name ScheduleName) error {
	return s.reschedule(c, name, s.schedules.Resume)
}

func (s *Server) reschedule(c *fiber.Ctx, name string,
	change func(ctx context.Context, tx pgx.Tx, by audit.Actor, name string) (schedule.Schedule, error)) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	name = strings.Clone(name)
	var changed schedule.Schedule
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		changed, err = change(ctx, tx, audit.User(edge.Who(c).UserID), name)
		return err
	})
	if err != nil {
		return fmt.Errorf("change a schedule: %w", err)
	}
	return c.JSON(shownSchedule(changed))
}

func shownSchedule(in schedule.Schedule) Schedule {
	out := Schedule{
		Name: in.Name, Cron: in.Cron, Zone: in.Zone, Kind: in.Kind, Args: in.Args, CatchUp: in.CatchUp, Paused: in.Paused,
		Builtin: in.Builtin, Trouble: in.Trouble, Next: in.Next,
	}
	if out.Next == nil {
		out.Next = []time.Time{}
	}
	if in.Last != nil {
		last := shownRun(*in.Last)
		out.Last = &last
	}
	return out
}

func shownRun(in schedule.Run) ScheduleRun {
	out := ScheduleRun{Tick: in.Tick.UTC(), Manual: in.Manual, JobID: in.JobID}
	if in.State != nil {
		state := JobState(*in.State)
		out.State = &state
	}
	if in.ErrorCode != nil {
		out.Error = &JobError{Code: *in.ErrorCode}
		if in.ErrorMessage != nil {
			out.Error.Message = *in.ErrorMessage
		}
	}
	return out
}
