// Package deadletter is for the jobs that failed for good: what failed for which cause, and trying it again or discarding
// it, one by one or all of a cause. Discarding takes a job out of the dead letters; it stays on record until the sweep.
//
// Many at once are dealt with by a job, in batches. A batch and how far it got commit together, so that the job goes on
// where it was when its worker dies, and treats no job twice.
package deadletter

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	queryTimeout = 10 * time.Second // of a look at all dead letters, which are some 100,000 at worst
	maxGroups    = 500
	maxIDs       = 1000
	maxText      = 200 // characters of a filter

	// DefaultRate is how many jobs a second are tried again unless somebody says otherwise.
	DefaultRate = 50
	// MaxRate is about what the engine takes anyway.
	MaxRate = 1000
)

// Service is the capability. It is safe for concurrent use.
type Service struct {
	pool    *db.Pool
	engine  *queue.Engine
	queries *db.Queries
}

// New makes the service.
func New(pool *db.Pool, engine *queue.Engine) *Service {
	return &Service{pool: pool, engine: engine, queries: db.New()}
}

// Group is the dead letters of one cause.
type Group struct {
	Kind, Code  string
	Count       int64
	First, Last time.Time // when the first and the last of them failed
	// Message and JobID are those of the newest job.
	Message string
	JobID   uuid.UUID
}

// Groups are the dead letters by cause, the latest to fail first. What can't be looked for is invalid.
func (s *Service) Groups(ctx context.Context, f tasks.DeadLetters) ([]Group, error) {
	if err := check(f); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := s.queries.DeadLetterGroups(ctx, s.pool, db.DeadLetterGroupsParams{
		Kind: opt(f.Kind), Code: opt(f.Code), Q: opt(f.Q), Since: f.Since, Until: f.Until, Most: maxGroups,
	})
	if err != nil {
		return nil, fmt.Errorf("group dead letters: %w", err)
	}
	groups := make([]Group, len(rows))
	for i, row := range rows {
		groups[i] = Group{Kind: row.Kind, Count: row.Jobs, First: row.First, Last: row.Last, Message: row.SampleMessage,
			JobID: row.SampleID}
		if row.ErrorCode != nil {
			groups[i].Code = *row.ErrorCode
		}
	}
	return groups, nil
}

// List is a page of dead letters, the newest job first: those before the id given, from the newest when it is zero.
func (s *Service) List(ctx context.Context, f tasks.DeadLetters, before uuid.UUID, limit int32) ([]db.Job, error) {
	if err := check(f); err != nil {
		return nil, err
	}
	if before == uuid.Nil {
		before = uuid.Max
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	jobs, err := s.queries.DeadLettersBefore(ctx, s.pool, db.DeadLettersBeforeParams{
		Before: before, Kind: opt(f.Kind), Code: opt(f.Code), Q: opt(f.Q), Since: f.Since, Until: f.Until, PageSize: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return jobs, nil
}

// Count is how many dead letters there are to be dealt with: what a dry run answers.
func (s *Service) Count(ctx context.Context, f tasks.DeadLetters) (int64, error) {
	if err := picks(f); err != nil {
		return 0, err
	}
	return s.count(ctx, s.pool, f, uuid.Nil)
}

func (s *Service) count(ctx context.Context, tx db.DBTX, f tasks.DeadLetters, after uuid.UUID) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	n, err := s.queries.CountDeadLetters(ctx, tx, db.CountDeadLettersParams{
		After: after, Ids: f.IDs, Kind: opt(f.Kind), Code: opt(f.Code), Q: opt(f.Q), Since: f.Since, Until: f.Until,
	})
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return n, nil
}

func check(f tasks.DeadLetters) error {
	for name, text := range map[string]string{"kind": f.Kind, "code": f.Code, "q": f.Q} {
		if utf8.RuneCountInString(text) > maxText || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fault.New(fault.Invalid, "What is looked for in %s has at most %d characters.", name, maxText)
		}
	}
	if f.Since != nil && f.Until != nil && f.Until.Before(*f.Since) {
		return fault.New(fault.Invalid, "The time until lies before the time since.")
	}
	if len(f.IDs) > maxIDs {
		return fault.New(fault.Invalid, "At most %d ids are taken at once.", maxIDs)
	}
	return nil
}

// picks is check for what is going to be changed: it has to be said which, so that nobody means some and gets all.
func picks(f tasks.DeadLetters) error {
	if f.Kind == "" && f.Code == "" && f.Q == "" && len(f.IDs) == 0 {
		return fault.New(fault.Invalid, "Say which dead letters are meant: by kind, code, q or ids.")
	}
	return check(f)
}

func opt(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
