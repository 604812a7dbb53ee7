package queue

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"rohrpost/db"
)

// asynqQueues is the set in which Asynq keeps the names of its queues.
const asynqQueues = "asynq:queues"

// syncTries bounds how often the flags in Redis are written anew because a pause came or went meanwhile. The next pass
// goes on.
const syncTries = 5

// Pauser is who pauses a queue.
type Pauser struct {
	User uuid.UUID // nil for somebody without an account
	Name string    // of somebody without an account
}

// PauseTx has a queue start nothing until it is resumed: from the commit on, no job of it can be claimed. Jobs that run
// go on, and new ones are taken and wait. The caller calls [Engine.SyncPauses] after the commit, so that workers don't
// even try. A queue that is paused already stays so since then, and gets the newest reason.
func PauseTx(ctx context.Context, tx pgx.Tx, queue string, by Pauser, reason string) (db.QueuePause, error) {
	p := db.PauseQueueParams{Queue: queue, ActorName: by.Name, Reason: reason}
	if by.User != uuid.Nil {
		p.Actor = &by.User
	}
	pause, err := db.New().PauseQueue(ctx, tx, p)
	if err != nil {
		return db.QueuePause{}, fmt.Errorf("pause %s: %w", queue, err)
	}
	return pause, nil
}

// ResumeTx lets a queue start jobs again. The caller calls [Engine.Resumed] after the commit. ok tells whether it was
// paused.
func ResumeTx(ctx context.Context, tx pgx.Tx, queue string) (was db.QueuePause, ok bool, err error) {
	was, err = db.New().ResumeQueue(ctx, tx, queue)
	if errors.Is(err, pgx.ErrNoRows) {
		return was, false, nil
	}
	if err != nil {
		return was, false, fmt.Errorf("resume %s: %w", queue, err)
	}
	return was, true, nil
}

// Resumed has the jobs of a queue that was resumed start at once. Where that fails, a scheduler's next pass does it.
func (e *Engine) Resumed(ctx context.Context, queue string) error {
	// First what Redis lost meanwhile, as long as workers take nothing from it.
	_, lost := e.findLost(ctx, 0, &queue)
	err := errors.Join(lost, e.SyncPauses(ctx))
	e.Wake(queue)
	return err
}

// SyncPauses makes Asynq's flags say what PostgreSQL does about which queues are paused, so that workers leave those
// alone. Redis may have lost the flags, or was away when a queue was paused or resumed: call it every second or so;
// several processes may. What is claimed does not depend on it.
func (e *Engine) SyncPauses(ctx context.Context) error {
	for range syncTries {
		changed, err := e.syncPauses(ctx)
		if err != nil {
			return fmt.Errorf("tell redis which queues are paused: %w", err)
		}
		// What was written may be older than what another process wrote before us.
		if !changed {
			return nil
		}
	}
	return nil
}

func (e *Engine) syncPauses(ctx context.Context) (changed bool, err error) {
	pauses, err := query(ctx, func(ctx context.Context) ([]db.QueuePause, error) { return db.New().QueuePauses(ctx, e.pool) })
	if err != nil {
		return false, err
	}
	// A flag matters to workers only, so these tell where one may be left over.
	served, err := query(ctx, func(ctx context.Context) ([]db.CapacityByQueueRow, error) {
		return db.New().CapacityByQueue(ctx, e.pool)
	})
	if err != nil {
		return false, err
	}
	since := map[string]int64{}
	for _, row := range served {
		since[row.Queue] = 0
	}
	for _, pause := range pauses {
		since[pause.Queue] = pause.Since.Unix()
	}
	if len(since) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	names := slices.Collect(maps.Keys(since))
	flags := make([]*redis.IntCmd, len(names))
	asked := e.rdb.Pipeline()
	for i, queue := range names {
		flags[i] = asked.Exists(ctx, asynqKey(queue, "paused"))
	}
	// Asynq's clients tell Redis the names once in their life: a Redis that was wiped would not know them any more, and
	// Asynqmon not show them.
	asked.SAdd(ctx, asynqQueues, names)
	if _, err := asked.Exec(ctx); err != nil {
		return false, err
	}
	told := e.rdb.Pipeline()
	for i, queue := range names {
		switch at, flag := since[queue], flags[i].Val() > 0; {
		case at > 0 && !flag:
			told.Set(ctx, asynqKey(queue, "paused"), at, 0)
		case at == 0 && flag:
			told.Del(ctx, asynqKey(queue, "paused"))
		}
	}
	if told.Len() == 0 {
		return false, nil
	}
	_, err = told.Exec(ctx)
	return err == nil, err
}
