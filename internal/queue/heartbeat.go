package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

const (
	beatTimeout = 2 * time.Second // a heartbeat that takes longer is late anyway
	// The worker is told to end when its grace is over; what is left to do takes this long at most.
	releaseTimeout = 5 * time.Second
)

func (r *Runner) id() uuid.UUID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.worker
}

// beat tells PostgreSQL that the worker lives, and learns which of its jobs are not its own any more.
func (r *Runner) beat() {
	tick := time.NewTicker(r.cfg.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.quit:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), beatTimeout)
		if err := r.beatOnce(ctx); err != nil {
			r.log.Warn("heartbeat failed", "err", err)
		}
		cancel()
	}
}

func (r *Runner) beatOnce(ctx context.Context) error {
	runs := r.holding() // before we ask: what is claimed later is not missing in the answer
	worker := r.id()
	n, err := db.New().Heartbeat(ctx, r.pulse, worker)
	if err != nil {
		return err
	}
	if n == 0 {
		return r.reborn(ctx, runs)
	}
	rows, err := db.New().RunningJobsOfWorker(ctx, r.pulse, &worker)
	if err != nil {
		return err
	}
	ours := make(map[ref]struct{}, len(rows))
	for _, row := range rows {
		ours[ref{row.ID, row.Epoch}] = struct{}{}
	}
	for _, run := range runs {
		if _, ok := ours[ref{run.job.ID, run.job.Epoch}]; !ok {
			r.check(ctx, run)
		}
	}
	return r.freeOrphans(ctx, rows)
}

// freeOrphans gives back jobs that are ours on record, and nobody here knows of: the answer to their claim got lost, or
// their outcome could not be put on record. The reaper leaves them alone while we live.
func (r *Runner) freeOrphans(ctx context.Context, rows []db.RunningJobsOfWorkerRow) error {
	var orphans []uuid.UUID
	r.mu.Lock()
	for _, row := range rows {
		if r.taken[ref{row.ID, row.Epoch}] == 0 {
			orphans = append(orphans, row.ID)
		}
	}
	r.mu.Unlock()
	queues, err := r.release(ctx, orphans)
	for _, queue := range queues {
		r.engine.Wake(queue) // Redis may hang, and a heartbeat must not
	}
	return err
}

// reborn starts over after the reaper took us for dead, when the process was frozen or cut off: its jobs are others' by
// now.
func (r *Runner) reborn(ctx context.Context, runs []*Run) error {
	id, err := r.register(ctx, r.pulse)
	if err != nil {
		return err
	}
	r.log.Warn("this worker was taken for dead and starts over", "as", id, "jobs_lost", len(runs))
	r.mu.Lock()
	r.worker = id
	r.mu.Unlock()
	for _, run := range runs {
		run.stop(ErrLost)
	}
	return nil
}

// check ends a run whose job is not running in its name any more.
func (r *Runner) check(ctx context.Context, run *Run) {
	job, err := db.New().JobByID(ctx, r.pulse, run.job.ID)
	switch {
	case err != nil:
		run.log.Warn("check of a run failed", "err", err)
	case job.Epoch == run.job.Epoch && job.State == Cancelled:
		run.stop(ErrCancelled)
	case !run.ours(job):
		run.stop(ErrLost)
	}
}

// obey listens for cancelled jobs; go-redis reconnects by itself.
func (r *Runner) obey() {
	for message := range r.orders.Channel() {
		id, err := uuid.Parse(message.Payload)
		if err != nil {
			continue
		}
		for _, run := range r.holding() {
			if run.job.ID == id {
				ctx, cancel := context.WithTimeout(context.Background(), beatTimeout)
				r.check(ctx, run)
				cancel()
			}
		}
	}
}

// Stop stops taking jobs, lets the running ones go on for the time of grace or until ctx ends, and hands back the rest:
// they start again elsewhere at once and it costs them no attempt. Stopping twice or unstarted is fine.
func (r *Runner) Stop(ctx context.Context) error {
	var err error
	r.once.Do(func() { err = r.shutdown(ctx) })
	return err
}

func (r *Runner) shutdown(ctx context.Context) error {
	if r.pulse == nil {
		return nil
	}
	defer r.pulse.Close()
	r.halt(ctx) // before the server, which may be waiting for the line
	r.server.Stop()
	r.mu.Lock()
	close(r.drain)
	r.mu.Unlock()
	settled := make(chan struct{})
	go func() {
		r.entered.Wait()
		close(settled)
	}()
	grace := time.NewTimer(r.cfg.Grace)
	defer grace.Stop()
	select {
	case <-settled:
	case <-grace.C:
	case <-ctx.Done():
	}
	err := r.handBack(settled)
	close(r.quit)
	r.server.Shutdown()
	select {
	case <-settled: // also the outcomes whose tasks Asynq is done with
	case <-time.After(settleTimeout):
	}
	err = errors.Join(err, r.orders.Close())
	r.ended.Wait()
	err = errors.Join(err, r.giveBack()) // what was being claimed meanwhile
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if e := r.line.Stop(ctx); e != nil {
		r.log.Warn("tasks stay in redis until they are found to be over", "err", e)
	}
	if e := db.New().RemoveWorker(ctx, r.pulse, r.id()); e != nil {
		err = errors.Join(err, fmt.Errorf("remove worker: %w", e))
	}
	return err
}

// halt takes no more tasks.
func (r *Runner) halt(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), enqueueTimeout)
	defer cancel()
	if err := r.line.Halt(ctx); err != nil {
		r.log.Warn("tasks that were taken and not begun are left to be found as lost", "err", err)
	}
}

// handBack ends what still runs and gives it back.
func (r *Runner) handBack(settled <-chan struct{}) error {
	runs := r.holding()
	for _, run := range runs {
		run.stop(ErrHandedBack)
	}
	if len(runs) > 0 {
		grace := time.NewTimer(min(r.cfg.StopGrace, releaseTimeout))
		defer grace.Stop()
		select {
		case <-settled:
		case <-grace.C: // a handler that doesn't listen; its epoch is over with the release
		}
	}
	return r.giveBack()
}

// giveBack releases everything that is ours on record, and dispatches it.
func (r *Runner) giveBack() error {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	worker := r.id()
	rows, err := db.New().RunningJobsOfWorker(ctx, r.pulse, &worker)
	if err != nil {
		return fmt.Errorf("hand back jobs: %w", err)
	}
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	queues, err := r.release(ctx, ids)
	errs := []error{err}
	for _, queue := range queues {
		errs = append(errs, r.engine.Dispatch(ctx, queue))
	}
	return errors.Join(errs...)
}

// release puts jobs of this worker back to waiting, and returns the queues they are in.
func (r *Runner) release(ctx context.Context, ids []uuid.UUID) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	worker := r.id()
	released, err := db.New().ReleaseJobs(ctx, r.pulse, db.ReleaseJobsParams{Ids: ids, WorkerID: &worker})
	if err != nil {
		return nil, fmt.Errorf("hand back %d jobs: %w", len(ids), err)
	}
	for _, job := range released {
		r.engine.metrics.ended.WithLabelValues(job.Kind, "handed_back").Inc()
	}
	return queuesOf(released), nil
}

// asynqLog passes what Asynq says to our logger.
type asynqLog struct{ log *slog.Logger }

func (l asynqLog) Debug(args ...any) { l.log.Debug("asynq", "said", fmt.Sprint(args...)) }
func (l asynqLog) Info(args ...any)  { l.log.Info("asynq", "said", fmt.Sprint(args...)) }
func (l asynqLog) Warn(args ...any)  { l.log.Warn("asynq", "said", fmt.Sprint(args...)) }
func (l asynqLog) Error(args ...any) { l.log.Error("asynq", "said", fmt.Sprint(args...)) }
func (l asynqLog) Fatal(args ...any) { l.log.Error("asynq", "said", fmt.Sprint(args...)) }
