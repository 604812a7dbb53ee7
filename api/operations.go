package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// ListQueues tells how all queues stand.
func (s *Server) ListQueues(c *fiber.Ctx) error {
	states, err := s.operations.Queues(c.UserContext())
	if err != nil {
		return fmt.Errorf("list queues: %w", err)
	}
	list := QueueList{Items: make([]Queue, len(states))}
	for i, state := range states {
		list.Items[i] = shownQueue(state)
	}
	return c.JSON(list)
}

// PauseQueue has a queue start nothing until it is resumed.
func (s *Server) PauseQueue(c *fiber.Ctx, name QueueName) error {
	var body Pause
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	state, err := s.operations.Pause(c.UserContext(), admin(c), strings.Clone(name), body.Reason)
	if err != nil {
		return fmt.Errorf("pause a queue: %w", err)
	}
	return c.JSON(shownQueue(state))
}

// ResumeQueue lets a paused queue start jobs again.
func (s *Server) ResumeQueue(c *fiber.Ctx, name QueueName) error {
	state, err := s.operations.Resume(c.UserContext(), admin(c), strings.Clone(name))
	if err != nil {
		return fmt.Errorf("resume a queue: %w", err)
	}
	return c.JSON(shownQueue(state))
}

// ListWorkers lists the living workers and what they run.
func (s *Server) ListWorkers(c *fiber.Ctx) error {
	workers, err := s.operations.Workers(c.UserContext())
	if err != nil {
		return fmt.Errorf("list workers: %w", err)
	}
	list := WorkerList{Items: make([]Worker, len(workers))}
	for i, w := range workers {
		list.Items[i] = shownWorker(w)
	}
	return c.JSON(list)
}

// ListAllJobs returns a page of anybody's jobs.
func (s *Server) ListAllJobs(c *fiber.Ctx, params ListAllJobsParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	search := queue.Search{Before: before, Limit: int32(size) + 1, Owner: params.Owner}
	if search.State, err = stateOf(params.State); err != nil {
		return err
	}
	if search.Kind, err = nameOf("kind", params.Kind); err != nil {
		return err
	}
	if search.Queue, err = nameOf("queue", params.Queue); err != nil {
		return err
	}
	jobs, looked, err := s.engine.Search(c.UserContext(), search)
	if err != nil {
		return fmt.Errorf("list all jobs: %w", err)
	}
	jobs, next := cutSearch(jobs, size, looked)
	return c.JSON(shownAdminJobs(jobs, next))
}

// GetAnyJob returns anybody's job.
func (s *Server) GetAnyJob(c *fiber.Ctx, id ID) error {
	job, err := s.engine.Find(c.UserContext(), id)
	if err != nil {
		return fmt.Errorf("get a job: %w", err)
	}
	out := shownAdminJob(job)
	out.Waiting = s.waiting(c.UserContext(), job)
	return c.JSON(out)
}

// CancelAnyJob cancels anybody's job.
func (s *Server) CancelAnyJob(c *fiber.Ctx, id ID) error {
	return s.changeJob(c, id, fiber.StatusOK, s.operations.Cancel)
}

// RetryAnyJob runs anybody's job again that has failed or was cancelled.
func (s *Server) RetryAnyJob(c *fiber.Ctx, id ID) error {
	return s.changeJob(c, id, fiber.StatusAccepted, s.operations.Retry)
}

// DiscardAnyJob takes anybody's failed job out of the dead letters.
func (s *Server) DiscardAnyJob(c *fiber.Ctx, id ID) error {
	return s.changeJob(c, id, fiber.StatusOK, s.operations.Discard)
}

func (s *Server) changeJob(c *fiber.Ctx, id uuid.UUID, status int,
	change func(ctx context.Context, by audit.Actor, id uuid.UUID) (db.Job, error)) error {
	job, err := change(c.UserContext(), admin(c), id)
	if err != nil {
		return fmt.Errorf("change a job: %w", err)
	}
	return c.Status(status).JSON(shownAdminJob(job))
}

// admin is who asks, for the audit log. The door lets nobody else in.
func admin(c *fiber.Ctx) audit.Actor { return audit.User(edge.Who(c).UserID) }

// waiting tells why a job waits. A record without it is better than none, so an error is only logged.
func (s *Server) waiting(ctx context.Context, job db.Job) *Waiting {
	w, err := s.engine.Waiting(ctx, job)
	if err != nil {
		s.log.Warn("nobody knows why a job waits", "job", job.ID, "err", err)
		return nil
	}
	return shownWaiting(w)
}

func shownWaiting(w *queue.Waiting) *Waiting {
	if w == nil {
		return nil
	}
	out := Waiting{Cause: w.Cause, Since: w.Since.UTC(), Detail: w.Detail, EstimatedStart: inUTC(w.Start)}
	if w.Line != nil {
		out.Ahead = &w.Line.Ahead
		if w.Line.AtLeast {
			out.AtLeast = &w.Line.AtLeast
		} else {
			position := w.Line.Ahead + 1
			out.Position = &position
		}
	}
	return &out
}

// stateOf reads a state that a list is filtered by.
func stateOf(in *JobState) (*string, error) {
	if in == nil {
		return nil, nil
	}
	if !in.Valid() {
		return nil, fault.New(fault.Invalid, "The parameter state is none of a job's states.")
	}
	state := strings.Clone(string(*in))
	return &state, nil
}

// nameOf reads the name of a kind, queue or code that a list is filtered by.
func nameOf(parameter string, in *string) (*string, error) {
	if in == nil {
		return nil, nil
	}
	name := strings.Clone(*in)
	if !kindName.MatchString(name) {
		return nil, fault.New(fault.Invalid, "The parameter %s is no name of a %s.", parameter, parameter)
	}
	return &name, nil
}

func shownQueue(s queue.State) Queue {
	out := Queue{
		Name: s.Queue, Waiting: s.Waiting, InRedis: s.InRedis, AtLimit: s.Parked, Delayed: s.Delayed, Running: s.Running,
		Workers: s.Workers, Slots: s.Slots, PerMinute: s.PerMinute, FailedDay: s.FailedDay, Dead: s.Dead,
	}
	if s.Pause != nil {
		out.Paused = &QueuePause{Since: s.Pause.Since.UTC(), By: s.Pause.ActorName, Reason: s.Pause.Reason}
	}
	if s.Oldest != nil {
		age := max(0, time.Since(*s.Oldest).Seconds())
		out.OldestSeconds = &age
	}
	return out
}

func shownWorker(w queue.Worker) Worker {
	out := Worker{
		ID: w.ID, Host: w.Host, Pid: w.Pid, Queues: w.Weights, Concurrency: w.Concurrency, StartedAt: w.StartedAt.UTC(),
		HeartbeatAt: w.HeartbeatAt.UTC(), Running: make([]RunningJob, len(w.Running)),
	}
	for i, job := range w.Running {
		out.Running[i] = RunningJob{
			ID: job.ID, Kind: job.Kind, Queue: job.Queue, Owner: job.Owner, Attempt: job.Attempt, StartedAt: inUTC(job.StartedAt),
		}
	}
	return out
}

func shownAdminJobs(jobs []db.Job, next *uuid.UUID) AdminJobPage {
	page := AdminJobPage{Items: make([]AdminJob, len(jobs)), Next: next}
	for i, job := range jobs {
		page.Items[i] = shownAdminJob(job)
	}
	return page
}

func shownAdminJob(j db.Job) AdminJob {
	job := shownJob(j)
	out := AdminJob{
		ID: job.ID, Kind: job.Kind, Queue: job.Queue, State: job.State, Attempt: job.Attempt, MaxAttempts: job.MaxAttempts,
		Crashes: job.Crashes, Progress: job.Progress, Result: job.Result, Error: job.Error, RunAt: job.RunAt,
		CreatedAt: job.CreatedAt, StartedAt: job.StartedAt, FinishedAt: job.FinishedAt, EventsURL: job.EventsURL,
		TraceID: job.TraceID,
		Owner:   j.Owner, Args: j.Args, WorkerID: j.WorkerID, DiscardedAt: inUTC(j.DiscardedAt),
	}
	if j.State == queue.Queued {
		out.InRedisSince = inUTC(j.DispatchedAt)
	}
	return out
}
