package cleanup

import (
	"context"

	"github.com/jackc/pgx/v5"

	"rohrpost/internal/audit"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Ask enqueues, in tx, a sweep that somebody wants now; by follows it. Errors: invalid for arguments that the kind does
// not take.
func Ask(ctx context.Context, tx pgx.Tx, by audit.Actor, args tasks.SweepArgs) (queue.Record, error) {
	if err := args.Check(); err != nil {
		return queue.Record{}, err
	}
	job, err := queue.Enqueue(ctx, tx, tasks.Sweep, args, queue.By(by.User))
	if err != nil {
		return job, err
	}
	return job, audit.Record(ctx, tx, by, audit.Entry{Action: "cleanup.sweep", Target: job.ID.String(), Detail: args})
}
