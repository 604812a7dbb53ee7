package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// System owns the jobs that no user asked for.
var System = uuid.Nil

// Record is a job as stored, and whether [Enqueue] found it there already.
type Record struct {
	db.Job
	Existing bool
}

// Option refines one call of [Enqueue].
type Option func(*db.InsertJobParams)

// By makes user the owner of the job: only the owner sees it, and queues are shared out fairly among owners.
func By(user uuid.UUID) Option { return func(p *db.InsertJobParams) { p.Owner = user } }

// At keeps the job back until t.
func At(t time.Time) Option { return func(p *db.InsertJobParams) { p.RunAt = &t } }

// Unique makes the job the only unfinished one of its kind with this key; [Enqueue] returns the one that is there.
func Unique(key string) Option { return func(p *db.InsertJobParams) { p.UniqueKey = &key } }

// LimitKey counts the job against its kind's PerKey bound under this key.
func LimitKey(key string) Option { return func(p *db.InsertJobParams) { p.LimitKey = key } }

// KeyLimit replaces the kind's PerKey bound, for a bound that comes from configuration.
func KeyLimit(n int) Option {
	return func(p *db.InsertJobParams) { p.KeyLimit = limit(n) }
}

// Traced carries a W3C traceparent into the job.
func Traced(traceparent string) Option {
	return func(p *db.InsertJobParams) {
		if traceparent != "" {
			p.TraceContext = &traceparent
		}
	}
}

// committed is the signal that a transaction enqueued a job.
type committed struct {
	job      db.Job
	straight bool
}

// Enqueue writes a job of kind into tx. It runs if and only if tx commits; when tx was opened by [db.InTx] on the pool of
// an [Engine], it is dispatched at once, otherwise by the next pass of a scheduler.
func Enqueue[A any](ctx context.Context, tx pgx.Tx, kind Kind[A], args A, opts ...Option) (Record, error) {
	p, err := newJob(kind, args, opts)
	if err != nil {
		return Record{}, err
	}
	db.Announce(tx, &p)
	ctx, span := create(ctx, &p)
	job, existing, err := insert(ctx, tx, p)
	tracing.End(span, err)
	if err != nil {
		return Record{}, fmt.Errorf("enqueue %s: %w", kind.Name, err)
	}
	if !existing {
		db.Signal(tx, committed{job, job.DispatchedAt != nil})
	}
	return Record{Job: job, Existing: existing}, nil
}

// newJob is a job of its own id.
func newJob[A any](kind Kind[A], args A, opts []Option) (p db.InsertJobParams, err error) {
	p = params(kind, opts)
	if p.Args, err = json.Marshal(args); err != nil {
		return p, fmt.Errorf("arguments of %s: %w", kind.Name, err)
	}
	if p.ID, err = uuid.NewV7(); err != nil {
		return p, fmt.Errorf("job id: %w", err)
	}
	return p, nil
}

// params is what the jobs of a kind have in common.
func params[A any](kind Kind[A], opts []Option) db.InsertJobParams {
	p := db.InsertJobParams{
		Kind: kind.Name, Queue: kind.Queue, MaxAttempts: int32(kind.maxAttempts()), Owner: System,
		OwnerLimit: limit(kind.PerOwner), KeyLimit: limit(kind.PerKey),
	}
	for _, opt := range opts {
		opt(&p)
	}
	return p
}

// insert writes the job, or finds the unfinished one with its unique key. That one may end between the two statements,
// and then there is room for ours.
func insert(ctx context.Context, tx pgx.Tx, p db.InsertJobParams) (job db.Job, existing bool, err error) {
	const tries = 5
	for range tries {
		job, err = db.New().InsertJob(ctx, tx, p)
		if !errors.Is(err, pgx.ErrNoRows) {
			return job, false, err
		}
		job, err = db.New().UnfinishedUniqueJob(ctx, tx, db.UnfinishedUniqueJobParams{Kind: p.Kind, UniqueKey: *p.UniqueKey})
		if !errors.Is(err, pgx.ErrNoRows) {
			return job, true, err
		}
	}
	return job, false, fault.Wrap(err, fault.Unavailable, "Another job with the same key keeps coming and going; try again.")
}

func limit(n int) *int32 {
	if n <= 0 {
		return nil
	}
	v := int32(n)
	return &v
}
