package queue

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"rohrpost/db"
	"rohrpost/internal/batch"
	"rohrpost/internal/tracing"
)

const (
	together = 128 // jobs in one statement
	// A result that is longer has a statement of its own, so that it does not hold up the others.
	longResult = 32 << 10
)

// claimed is the answer to a claim; ok is false where the job was not to be had.
type claimed struct {
	job db.Job
	ok  bool
}

// completion is a job that its handler is done with.
type completion struct {
	ref     ref
	started time.Time
	result  json.RawMessage
	span    trace.Span // of the attempt
}

// joined are the statements of a runner's jobs that go together.
type joined struct {
	claims      *batch.Group[ref, claimed]
	completions *batch.Group[completion, bool] // false: not ours any more
}

func (r *Runner) join() joined {
	return joined{
		claims:      batch.New(together, claimTimeout, r.claimTogether),
		completions: batch.New(together, settleTimeout, r.completeTogether),
	}
}

func (r *Runner) claimTogether(ctx context.Context, refs []ref) ([]claimed, error) {
	worker := r.id()
	p := db.ClaimJobsParams{WorkerID: &worker, LastChance: r.engine.cfg.lastChance()}
	p.Ids, p.Epochs = inOrder(refs)
	rows, err := again(func() ([]db.Job, error) { return db.New().ClaimJobs(ctx, r.engine.pool, p) })
	if err != nil {
		return nil, err
	}
	had := make(map[ref]db.Job, len(rows))
	for _, job := range rows {
		had[ref{job.ID, job.Epoch}] = job
	}
	answers := make([]claimed, len(refs))
	for i, at := range refs {
		job, ok := had[at]
		answers[i] = claimed{job, ok}
		delete(had, at) // Redis may deliver one twice
	}
	return answers, nil
}

func (r *Runner) completeTogether(ctx context.Context, done []completion) ([]bool, error) {
	slicesOf := db.CompleteJobsParams{}
	for _, c := range done {
		slicesOf.Ids = append(slicesOf.Ids, c.ref.Job)
		slicesOf.Epochs = append(slicesOf.Epochs, c.ref.Epoch)
		slicesOf.Started = append(slicesOf.Started, c.started)
		slicesOf.Results = append(slicesOf.Results, string(c.result))
	}
	ctx, span := settling(ctx, done)
	ids, err := again(func() ([]uuid.UUID, error) { return db.New().CompleteJobs(ctx, r.engine.pool, slicesOf) })
	tracing.End(span, err)
	if err != nil {
		return nil, err
	}
	answers := make([]bool, len(done))
	for i, c := range done {
		answers[i] = slices.Contains(ids, c.ref.Job)
	}
	return answers, nil
}

// again runs a statement once more when it met another one in the middle of the same rows.
func again[T any](statement func() (T, error)) (T, error) {
	out, err := statement()
	if db.Conflict(err) {
		return statement()
	}
	return out, err
}

func inOrder(refs []ref) (ids []uuid.UUID, epochs []int64) {
	sorted := slices.SortedFunc(slices.Values(refs), func(a, b ref) int { return slices.Compare(a.Job[:], b.Job[:]) })
	for _, at := range sorted {
		ids, epochs = append(ids, at.Job), append(epochs, at.Epoch)
	}
	return ids, epochs
}
