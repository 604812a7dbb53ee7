package queue

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
)

const (
	claimTimeout = 5 * time.Second // a claim takes a millisecond; an unclaimed job is found again
	claimRetry   = time.Second     // when PostgreSQL is away
	delayedCheck = time.Second     // how often Asynq looks for tasks that are due again
	// handBackDelay is how soon a task that a stopping worker already took comes back.
	handBackDelay = 0
)

var (
	errDraining = errors.New("the worker is shutting down")
	errNotOurs  = errors.New("the job is somebody else's, or over")
	errParked   = errors.New("the job waits for one of its limit to end")
	errPaused   = errors.New("the queue is paused")
	errCompany  = errors.New("another job that may kill this worker runs already")
)

// delay is the answer to Asynq that brings the task back after a while.
type delay struct {
	after time.Duration
	why   error
}

func (d delay) Error() string { return d.why.Error() }

// retryDelay reads the delay. Asynq cuts the time to whole seconds, which must not make the task come too early.
func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	var d delay
	if !errors.As(err, &d) {
		return claimRetry
	}
	if d.after <= 0 {
		return 0
	}
	return d.after + time.Second
}

// claim makes the job ours, unless it is not to be had: errNotOurs, errParked, errPaused, or a delay when it is not due or
// has to wait. A job on its last chance that was claimed holds r.chance. bounded tells that the job has limits, where that
// is known.
func (r *Runner) claim(at ref, bounded bool) (db.Job, error) {
	ctx, cancel := context.WithTimeout(context.Background(), claimTimeout)
	defer cancel()
	got, err := r.claimAtOnce(ctx, at, bounded)
	if err != nil || got.ok {
		return got.job, err
	}
	found, err := db.New().JobToClaim(ctx, r.engine.pool, at.Job)
	job := found.Job
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return db.Job{}, errNotOurs
	case err != nil:
		return db.Job{}, err
	case job.Epoch != at.Epoch || job.State != Queued:
		return db.Job{}, errNotOurs
	case job.RunAt.After(time.Now()):
		return db.Job{}, delay{time.Until(job.RunAt), errors.New("not due yet")}
	case found.Paused:
		return db.Job{}, r.keepBack(ctx, at)
	case r.engine.cfg.suspect(job):
		return r.claimSuspect(ctx, at)
	case !limited(job):
		// It has become due between the two statements.
		return db.Job{}, delay{handBackDelay, errors.New("just due")}
	}
	return r.claimLimited(ctx, at)
}

// claimAtOnce claims a job where nothing stands in its way, without a look at what would.
func (r *Runner) claimAtOnce(ctx context.Context, at ref, bounded bool) (claimed, error) {
	if !bounded {
		return r.claimFree(ctx, at)
	}
	got, err := again(func() (claimed, error) {
		locks := &db.Writes{}
		if err := db.New().LockJobLimits(ctx, locks, at.Job); err != nil {
			return claimed{}, err
		}
		return r.claimLocked(ctx, r.engine.pool.After(locks), at, r.engine.cfg.lastChance())
	})
	if err != nil {
		return claimed{}, fmt.Errorf("claim limited job %s: %w", at.Job, err)
	}
	return got, nil
}

// claimLocked claims a job whose limits are locked and have room, and that has taken fewer workers along than lastChance.
func (r *Runner) claimLocked(ctx context.Context, x db.DBTX, at ref, lastChance int32) (claimed, error) {
	worker := r.id()
	job, err := db.New().ClaimLimitedJob(ctx, x, db.ClaimLimitedJobParams{
		ID: at.Job, Epoch: at.Epoch, WorkerID: &worker, LastChance: lastChance,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return claimed{}, nil
	}
	return claimed{job, err == nil}, err
}

// claimFree claims a job that nothing stands in the way of.
func (r *Runner) claimFree(ctx context.Context, at ref) (claimed, error) {
	if !r.engine.cfg.Plain {
		return r.joined.claims.Do(at)
	}
	worker := r.id()
	job, err := db.New().ClaimJob(ctx, r.engine.pool, db.ClaimJobParams{
		ID: at.Job, Epoch: at.Epoch, WorkerID: &worker, LastChance: r.engine.cfg.lastChance(),
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return claimed{}, nil
	}
	return claimed{job, err == nil}, err
}

// keepBack puts the job of a paused queue back to waiting in PostgreSQL. Asynq's own pause keeps workers from taking such jobs;
// this is for those that were under way, and for when Redis has forgotten the pause.
func (r *Runner) keepBack(ctx context.Context, at ref) error {
	n, err := db.New().HoldPausedJob(ctx, r.engine.pool, db.HoldPausedJobParams{ID: at.Job, Epoch: at.Epoch})
	switch {
	case err != nil:
		return fmt.Errorf("hold job %s: %w", at.Job, err)
	case n == 0:
		return delay{handBackDelay, errors.New("just resumed")}
	}
	return errPaused
}

// claimSuspect claims a job on its last chance, unless this worker runs one already: should the worker die once more, it is
// known which of them did it.
func (r *Runner) claimSuspect(ctx context.Context, at ref) (db.Job, error) {
	select {
	case r.chance <- struct{}{}:
	default:
		return db.Job{}, delay{handBackDelay, errCompany}
	}
	job, err := r.claimLimited(ctx, at)
	if err != nil {
		<-r.chance
	}
	return job, err
}

// claimLimited claims where the limits have room, and parks the job where they have none.
func (r *Runner) claimLimited(ctx context.Context, at ref) (db.Job, error) {
	var got claimed
	var parked []db.Job
	err := db.InTx(ctx, r.engine.pool, func(tx pgx.Tx) (err error) {
		parked = nil
		if err := db.New().LockJobLimits(ctx, tx, at.Job); err != nil {
			return err
		}
		if got, err = r.claimLocked(ctx, tx, at, math.MaxInt32); err != nil || got.ok {
			return err
		}
		parked, err = db.New().ParkJob(ctx, tx, db.ParkJobParams{ID: at.Job, Epoch: at.Epoch})
		return err
	})
	switch {
	case err != nil:
		return db.Job{}, fmt.Errorf("claim limited job %s: %w", at.Job, err)
	case len(parked) > 0:
		r.engine.tell(parked...)
		// What it waits for may have ended before it was on record as waiting.
		if err := r.engine.Unpark(context.Background(), parked[0].Kind); err != nil {
			r.log.Warn("unpark", "kind", parked[0].Kind, "err", err) // a scheduler does it
		}
		return db.Job{}, errParked
	case !got.ok:
		// Somebody else was faster, or it isn't due by PostgreSQL's clock: the next look will tell.
		return db.Job{}, delay{handBackDelay, errNotOurs}
	}
	return got.job, nil
}

// unclaimed is the answer to Asynq for a task whose job could not be claimed.
func (r *Runner) unclaimed(at ref, err error) error {
	var d delay
	switch {
	case errors.Is(err, errNotOurs), errors.Is(err, errParked), errors.Is(err, errPaused):
		r.log.Debug("task dropped", "task", at.taskID(), "why", err)
		return nil
	case errors.As(err, &d):
		return d
	}
	r.log.Warn("claim failed", "task", at.taskID(), "err", err)
	return delay{claimRetry, err}
}
