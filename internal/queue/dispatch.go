package queue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"rohrpost/db"
	"rohrpost/internal/queue/express"
)

const (
	enqueueTimeout = 3 * time.Second // one exchange with Redis; it takes 0.1 ms
	enqueueAtOnce  = 128             // tasks under way; they go together
	plainAtOnce    = 8               // where each has an exchange of its own; more only wait for one another
	perSlot        = 8               // jobs kept in Redis for each slot of the workers
	slotsFor       = time.Second     // how long the number of slots is believed
	passes         = 16              // of one queue, before the others have their turn: parking a backlog takes many
	passMost       = 128             // jobs in a pass: who comes waits for two of them, and more of them at once are hardly faster
	newcomersMost  = 32              // owners that have nothing in line yet get in where it is full
)

// Dispatch hands due jobs of a queue to Redis, as many as there is room for, in turns among their owners. When Redis
// doesn't take one, it goes back to waiting and the error is returned. A long backlog is continued in the background.
func (e *Engine) Dispatch(ctx context.Context, queue string) error {
	slots, err := e.slotsOf(ctx, queue)
	if err != nil {
		return err
	}
	window := max(int64(e.cfg.Window), perSlot*slots)
	before := e.passing(queue)
	handing := handing{engine: e}
	found := finding{left: true}
	var parked []string // their kinds
	for range passes {
		var last bool
		found, last, err = e.pass(ctx, queue, window, &handing)
		parked = append(parked, found.parked...)
		if err != nil || last {
			break
		}
	}
	if err := errors.Join(err, handing.wait()); err != nil {
		if e.note(queue, finding{left: true}).ended {
			e.Wake(queue)
		}
		return fmt.Errorf("dispatch %s: %w", queue, err)
	}
	found.parked = slices.Compact(slices.Sorted(slices.Values(parked)))
	found.most = min(max(straightMost, slots), passMost)
	if found.full {
		found.again = found.leaveAlone(before)
	}
	ended := e.note(queue, found).ended
	if found.left && (!found.full || ended) {
		e.Wake(queue)
	}
	// What they waited for may have ended before they were on record as waiting.
	for _, kind := range found.parked {
		err = errors.Join(err, e.Unpark(ctx, kind))
	}
	return err
}

// pass takes as many jobs as there is room for, and tells whether that was all there was to do. They are on their way to
// Redis when it returns. Where there is no room, one job each of owners that have none in line is taken all the same: it
// is their turn.
func (e *Engine) pass(ctx context.Context, queue string, window int64, handing *handing) (found finding, last bool, err error) {
	line, err := e.turns(ctx, queue)
	if err != nil {
		return found, false, err
	}
	room := min(window-line.total, passMost)
	var without []uuid.UUID
	// A pass for each single place that gets free would cost more than it brings.
	full := room < min(window/2, passMost)
	if full {
		room, without = newcomersMost, line.owners()
	}
	jobs, parked, err := e.take(ctx, queue, room, without)
	if err != nil {
		return found, false, err
	}
	for _, job := range parked {
		found.parked = append(found.parked, job.Kind)
	}
	found.there = line.total + int64(len(jobs))
	found.full, found.left = full, full || int64(len(jobs)+len(parked)) == room
	return found, full || !found.left, handing.begin(ctx, line.place(jobs))
}

// handing has what one pass took handed over while the next one looks.
type handing struct {
	engine *Engine
	done   chan error // nil where nothing is under way
}

// begin waits for what is under way. Where that failed, jobs go back to waiting.
func (h *handing) begin(ctx context.Context, jobs []placed) error {
	if err := h.wait(); err != nil {
		h.engine.undispatch(context.WithoutCancel(ctx), jobs)
		return err
	}
	if len(jobs) == 0 {
		return nil
	}
	done := make(chan error, 1)
	h.done = done
	go func() { done <- h.engine.enqueue(ctx, jobs) }()
	return nil
}

func (h *handing) wait() error {
	if h.done == nil {
		return nil
	}
	err := <-h.done
	h.done = nil
	return err
}

// DispatchAll is Dispatch for every queue in which a job waits, and frees parked jobs that have room.
func (e *Engine) DispatchAll(ctx context.Context) error {
	queues, err := query(ctx, func(ctx context.Context) ([]string, error) { return db.New().QueuesToDispatch(ctx, e.pool) })
	if err != nil {
		return fmt.Errorf("queues to dispatch: %w", err)
	}
	var errs []error
	for _, queue := range queues {
		errs = append(errs, e.Dispatch(ctx, queue))
	}
	kinds, err := query(ctx, func(ctx context.Context) ([]string, error) { return db.New().KindsWithParkedJobs(ctx, e.pool) })
	errs = append(errs, err)
	for _, kind := range kinds {
		errs = append(errs, e.Unpark(ctx, kind))
	}
	return errors.Join(errs...)
}

// take marks due jobs as dispatched, of each owner but some. Those whose limit has no room are parked.
func (e *Engine) take(ctx context.Context, queue string, room int64, without []uuid.UUID) (jobs, parked []db.Job, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	rows, err := db.New().DispatchJobs(ctx, e.pool, db.DispatchJobsParams{Queue: queue, Room: room, Without: without})
	if err != nil {
		return nil, nil, err
	}
	for _, job := range rows {
		if job.Parked {
			parked = append(parked, job)
		} else {
			jobs = append(jobs, job)
		}
	}
	e.tell(parked...)
	return jobs, parked, nil
}

// Unpark hands over the parked jobs of a kind that have room within their limits by now.
func (e *Engine) Unpark(ctx context.Context, kind string) error {
	for {
		job, err := query(ctx, func(ctx context.Context) (db.Job, error) {
			return db.New().UnparkJob(ctx, e.pool, kind)
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpark %s: %w", kind, err)
		}
		if err := e.enqueue(ctx, atTheEnd(job)); err != nil {
			return fmt.Errorf("unpark %s: %w", kind, err)
		}
	}
}

// enqueue gives marked jobs to Redis. The mark of those that it did not take is removed. It waits until their readers are
// told, so that no `queued` comes after a `running`.
func (e *Engine) enqueue(ctx context.Context, jobs []placed) error {
	news := make([]db.Job, len(jobs))
	for i, job := range jobs {
		news[i] = job.Job
	}
	waiting, cancel := context.WithTimeout(ctx, tellTimeout)
	e.tellNext(news...).wait(waiting)
	cancel()
	// The first error ends the others: when Redis is away, they would only wait for it one after the other.
	group, some := errgroup.WithContext(ctx)
	atOnce := enqueueAtOnce
	if e.cfg.Plain {
		atOnce = plainAtOnce
	}
	group.SetLimit(atOnce)
	taken := make([]bool, len(jobs))
	for i, job := range jobs {
		inLine := make(chan struct{})
		note := sync.OnceFunc(func() { close(inLine) })
		group.Go(func() error {
			defer note()
			if err := e.enqueueOne(express.Noting(some, note), job); err != nil {
				return err
			}
			taken[i] = true
			e.metrics.dispatched.WithLabelValues(job.Kind).Inc()
			return nil
		})
		if !e.cfg.Plain {
			<-inLine // they have an order
		}
	}
	err := group.Wait()
	if err == nil {
		return nil
	}
	// Redis may have taken one of them all the same; then there are two tasks of one epoch, and the second finds the job
	// claimed.
	var back []placed
	for i, job := range jobs {
		if !taken[i] {
			back = append(back, job)
		}
	}
	e.undispatch(context.WithoutCancel(ctx), back)
	return err
}

func (e *Engine) enqueueOne(ctx context.Context, job placed) error {
	task, err := task(job.Job)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	ctx, span := send(ctx, job.Job)
	defer span.End()
	if !job.last {
		ctx = express.Behind(ctx, job.ahead)
	}
	_, err = e.client.EnqueueContext(ctx, task, asynq.Queue(job.Queue))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil // it is there already
	}
	return err
}

func (e *Engine) undispatch(ctx context.Context, jobs []placed) {
	if len(jobs) == 0 {
		return
	}
	ids, epochs := make([]uuid.UUID, len(jobs)), make([]int64, len(jobs))
	for i, job := range jobs {
		ids[i], epochs[i] = job.ID, job.Epoch
	}
	_, err := query(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, db.New().UndispatchJobs(ctx, e.pool, db.UndispatchJobsParams{Ids: ids, Epochs: epochs})
	})
	if err != nil {
		// They still count as dispatched, and are found as lost when they are overdue.
		e.log.Warn("undispatch failed", "jobs", len(jobs), "err", err)
	}
}

// slots remembers how many jobs the living workers can run at once, by queue.
type slots struct {
	mu     sync.Mutex // guards the rest
	counts map[string]int64
	asked  time.Time
}

// forget has them counted anew: a worker has come.
func (s *slots) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Time{}
}

// slotsOf is how many jobs of a queue the living workers can run at once.
func (e *Engine) slotsOf(ctx context.Context, queue string) (int64, error) {
	e.slots.mu.Lock()
	defer e.slots.mu.Unlock()
	if time.Since(e.slots.asked) > slotsFor {
		rows, err := query(ctx, func(ctx context.Context) ([]db.CapacityByQueueRow, error) {
			return db.New().CapacityByQueue(ctx, e.pool)
		})
		if err != nil {
			return 0, fmt.Errorf("capacity of %s: %w", queue, err)
		}
		e.slots.counts = map[string]int64{}
		for _, row := range rows {
			e.slots.counts[row.Queue] = row.Slots
		}
		e.slots.asked = time.Now()
	}
	return e.slots.counts[queue], nil
}

// query runs one statement with a time limit of its own.
func query[T any](ctx context.Context, fn func(ctx context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	return fn(ctx)
}
