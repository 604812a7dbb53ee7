package api

import (
	"fmt"
	"regexp"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/internal/tracing"
)

var kindName = regexp.MustCompile(`^[a-z0-9_:.-]{1,100}$`)

// ListJobs returns a page of the user's jobs.
func (s *Server) ListJobs(c *fiber.Ctx, params ListJobsParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	filter := queue.Filter{Before: before, Limit: int32(size) + 1}
	if filter.State, err = stateOf(params.State); err != nil {
		return err
	}
	if filter.Kind, err = nameOf("kind", params.Kind); err != nil {
		return err
	}
	jobs, looked, err := s.engine.List(c.UserContext(), edge.Who(c).UserID, filter)
	if err != nil {
		return fmt.Errorf("list jobs: %w", err)
	}
	jobs, next := cutSearch(jobs, size, looked)
	page := JobPage{Items: make([]Job, len(jobs)), Next: next}
	for i, job := range jobs {
		page.Items[i] = shownJob(job)
	}
	return c.JSON(page)
}

// GetJob returns a job of the user.
func (s *Server) GetJob(c *fiber.Ctx, id ID) error {
	job, err := s.engine.Get(c.UserContext(), id, edge.Who(c).UserID)
	if err != nil {
		return fmt.Errorf("get job: %w", err)
	}
	out := shownJob(job)
	out.Waiting = s.waiting(c.UserContext(), job)
	return c.JSON(out)
}

// CancelJob cancels a job of the user.
func (s *Server) CancelJob(c *fiber.Ctx, id ID) error {
	job, err := s.engine.Cancel(c.UserContext(), id, edge.Who(c).UserID)
	if err != nil {
		return fmt.Errorf("cancel job: %w", err)
	}
	return c.JSON(shownJob(job))
}

// RetryJob runs a job of the user again that has failed or was cancelled.
func (s *Server) RetryJob(c *fiber.Ctx, id ID) error {
	job, err := s.engine.Rerun(c.UserContext(), id, edge.Who(c).UserID)
	if err != nil {
		return fmt.Errorf("retry job: %w", err)
	}
	return c.Status(fiber.StatusAccepted).JSON(shownJob(job))
}

func shownJob(j db.Job) Job {
	out := Job{
		ID: j.ID, Kind: j.Kind, Queue: j.Queue, State: JobState(j.State), Attempt: j.Attempt, MaxAttempts: j.MaxAttempts,
		Crashes: j.Crashes, Progress: j.Progress, Result: j.Result, RunAt: j.RunAt.UTC(), CreatedAt: j.CreatedAt.UTC(),
		StartedAt: inUTC(j.StartedAt), FinishedAt: inUTC(j.FinishedAt), EventsURL: eventsURL(j.ID),
	}
	if id := tracing.IDOf(j.TraceContext); id != "" {
		out.TraceID = &id
	}
	if j.ErrorCode != nil {
		out.Error = &JobError{Code: *j.ErrorCode}
		if j.ErrorMessage != nil {
			out.Error.Message = *j.ErrorMessage
		}
	}
	return out
}

func jobURL(id uuid.UUID) string    { return "/api/jobs/" + id.String() }
func eventsURL(id uuid.UUID) string { return jobURL(id) + "/events" }

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	utc := t.UTC()
	return &utc
}
