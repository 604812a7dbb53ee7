package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/schedule"
	"rohrpost/tasks"
)

// maintenanceTimeout bounds what an admin's request asks of PostgreSQL: some rows by key, one of which a scheduler may
// have in hand just now.
const maintenanceTimeout = 10 * time.Second

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

// RunSchedule starts a schedule's job now, for the admin.
func (s *Server) RunSchedule(c *fiber.Ctx, name ScheduleName) error {
	name = strings.Clone(name)
	return s.enqueue(c, func(ctx context.Context, tx pgx.Tx, by uuid.UUID) (queue.Record, error) {
		return s.schedules.RunNow(ctx, tx, name, by)
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

// Sweep starts a sweep, for the admin. Whether it may delete has to be said.
func (s *Server) Sweep(c *fiber.Ctx) error {
	var body Cleanup
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if body.DryRun == nil {
		return fault.New(fault.Invalid, "The field dry_run is needed.")
	}
	args := tasks.SweepArgs{DryRun: *body.DryRun}
	if body.Only != nil {
		args.Only = *body.Only
	}
	if err := args.Check(); err != nil {
		return err
	}
	return s.enqueue(c, func(ctx context.Context, tx pgx.Tx, by uuid.UUID) (queue.Record, error) {
		return queue.Enqueue(ctx, tx, tasks.Sweep, args, queue.By(by))
	})
}

// enqueue answers with the job that start enqueues for the admin.
func (s *Server) enqueue(c *fiber.Ctx,
	start func(ctx context.Context, tx pgx.Tx, by uuid.UUID) (queue.Record, error)) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	var job queue.Record
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		job, err = start(ctx, tx, edge.Who(c).UserID)
		return err
	})
	if err != nil {
		return fmt.Errorf("start maintenance: %w", err)
	}
	c.Location(jobURL(job.ID))
	return c.Status(fiber.StatusAccepted).JSON(JobAccepted{JobID: job.ID, EventsURL: eventsURL(job.ID)})
}

func (s *Server) reschedule(c *fiber.Ctx, name string,
	change func(ctx context.Context, tx pgx.Tx, name string) (schedule.Schedule, error)) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	name = strings.Clone(name)
	var changed schedule.Schedule
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		changed, err = change(ctx, tx, name)
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
	if in.Last == nil {
		return out
	}
	out.Last = &ScheduleRun{Tick: in.Last.Tick.UTC(), Manual: in.Last.Manual, JobID: in.Last.JobID}
	if in.Last.State != nil {
		state := JobState(*in.Last.State)
		out.Last.State = &state
	}
	if in.Last.ErrorCode != nil {
		out.Last.Error = &JobError{Code: *in.Last.ErrorCode}
		if in.Last.ErrorMessage != nil {
			out.Last.Error.Message = *in.Last.ErrorMessage
		}
	}
	return out
}
