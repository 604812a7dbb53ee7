package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	retryDeadRoute   = "POST /api/admin/dead-letters/retry"
	discardDeadRoute = "POST /api/admin/dead-letters/discard"
)

// GroupDeadLetters returns the jobs that failed for good, by cause.
func (s *Server) GroupDeadLetters(c *fiber.Ctx, params GroupDeadLettersParams) error {
	f, err := deadLetters(params.Kind, params.Code, params.Q, nil, params.Since, params.Until)
	if err != nil {
		return err
	}
	groups, err := s.deadletter.Groups(c.UserContext(), f)
	if err != nil {
		return fmt.Errorf("group dead letters: %w", err)
	}
	list := DeadLetterGroupList{Items: make([]DeadLetterGroup, len(groups))}
	for i, g := range groups {
		list.Items[i] = shownGroup(g)
	}
	return c.JSON(list)
}

func shownGroup(g deadletter.Group) DeadLetterGroup {
	return DeadLetterGroup{
		Kind: g.Kind, Code: g.Code, Count: g.Count, First: g.First.UTC(), Last: g.Last.UTC(), Message: g.Message, JobID: g.JobID,
	}
}

// ListDeadLetters returns a page of the jobs that failed for good.
func (s *Server) ListDeadLetters(c *fiber.Ctx, params ListDeadLettersParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	f, err := deadLetters(params.Kind, params.Code, params.Q, nil, params.Since, params.Until)
	if err != nil {
		return err
	}
	jobs, err := s.deadletter.List(c.UserContext(), f, before, int32(size)+1)
	if err != nil {
		return fmt.Errorf("list dead letters: %w", err)
	}
	jobs, next := cut(jobs, size, func(j db.Job) uuid.UUID { return j.ID })
	return c.JSON(shownAdminJobs(jobs, next))
}

// RetryDeadLetters runs many failed jobs again, or counts them. Which of both has to be said.
func (s *Server) RetryDeadLetters(c *fiber.Ctx, params RetryDeadLettersParams) error {
	var body DeadLetterRetry
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	f, err := deadLetters(body.Kind, body.Code, body.Q, body.Ids, body.Since, body.Until)
	if err != nil {
		return err
	}
	rate := 0
	if body.Rate != nil {
		if rate = *body.Rate; rate < 1 {
			return fault.New(fault.Invalid, "The field rate is at least 1.")
		}
	}
	return s.bulk(c, retryDeadRoute, params.IdempotencyKey, body.DryRun, f, rate,
		func(ctx context.Context, tx pgx.Tx) (queue.Record, error) {
			return s.deadletter.AskRetry(ctx, tx, admin(c), f, rate)
		})
}

// DiscardDeadLetters takes many failed jobs out of the dead letters, or counts them. Which of both has to be said.
func (s *Server) DiscardDeadLetters(c *fiber.Ctx, params DiscardDeadLettersParams) error {
	var body DeadLetterDiscard
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	f, err := deadLetters(body.Kind, body.Code, body.Q, body.Ids, body.Since, body.Until)
	if err != nil {
		return err
	}
	return s.bulk(c, discardDeadRoute, params.IdempotencyKey, body.DryRun, f, 0,
		func(ctx context.Context, tx pgx.Tx) (queue.Record, error) {
			return s.deadletter.AskDiscard(ctx, tx, admin(c), f)
		})
}

// bulk answers a dry run with the count, and anything else with the job that start enqueues.
func (s *Server) bulk(c *fiber.Ctx, route string, header *IdempotencyKey, dry *bool, f tasks.DeadLetters, rate int,
	start func(ctx context.Context, tx pgx.Tx) (queue.Record, error)) error {
	key, err := idempotencyKey(header)
	if err != nil {
		return err
	}
	if dry == nil {
		return fault.New(fault.Invalid, "The field dry_run is needed.")
	}
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	if *dry {
		n, err := s.deadletter.Count(ctx, f)
		if err != nil {
			return fmt.Errorf("dry run: %w", err)
		}
		return c.JSON(DeadLetterCount{DryRun: true, Count: n})
	}
	canonical, err := json.Marshal(tasks.RetryDeadArgs{DeadLetters: f, Rate: rate})
	if err != nil {
		return fmt.Errorf("hash the request: %w", err)
	}
	hash := sha256.Sum256(canonical)
	out, err := s.do(ctx, once{edge.Who(c).UserID, route, key, hash[:]}, fiber.StatusAccepted,
		func(tx pgx.Tx) (any, string, error) {
			job, err := start(ctx, tx)
			return JobAccepted{JobID: job.ID, EventsURL: eventsURL(job.ID)}, jobURL(job.ID), err
		})
	if err != nil {
		return err
	}
	return out.send(c)
}

// deadLetters reads which dead letters are meant. What is there but empty is a mistake: it would mean all of them.
func deadLetters(kind, code, q *string, ids *[]uuid.UUID, since, until *time.Time) (tasks.DeadLetters, error) {
	f := tasks.DeadLetters{Q: strings.TrimSpace(text(q)), Since: since, Until: until}
	for name, field := range map[string]struct{ in, out *string }{"kind": {kind, &f.Kind}, "code": {code, &f.Code}} {
		value, err := nameOf(name, field.in)
		if err != nil {
			return f, err
		}
		*field.out = text(value)
	}
	if q != nil && f.Q == "" {
		return f, fault.New(fault.Invalid, "What is looked for in q is empty.")
	}
	if ids != nil {
		if f.IDs = *ids; len(f.IDs) == 0 {
			return f, fault.New(fault.Invalid, "The list of ids is empty.")
		}
	}
	return f, nil
}
