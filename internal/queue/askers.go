package queue

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/batch"
)

// askersTogether bounds those who share a look. They ask about the same few queues, so it costs the same for all.
const askersTogether = 1024

// askers look at queues for those who want to know why their jobs wait: clients that poll ask about the same queue at the
// same time. Who asks while a look is under way shares the next one, so that no answer is older than its question.
type askers struct {
	pauses *batch.Group[string, *db.QueuePause] // nil: not paused
	forces *batch.Group[string, db.QueueForceRow]
	paces  *batch.Group[string, pace]
}

func (e *Engine) joinAskers() askers {
	return askers{
		pauses: joinAskers(func(ctx context.Context, queue string) (*db.QueuePause, error) {
			pause, err := db.New().PauseOfQueue(ctx, e.pool, queue)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil, nil
			}
			return &pause, err
		}),
		forces: joinAskers(func(ctx context.Context, queue string) (db.QueueForceRow, error) {
			return db.New().QueueForce(ctx, e.pool, db.QueueForceParams{Queue: queue, SilenceSeconds: e.cfg.Silence.Seconds()})
		}),
		paces: joinAskers(e.paceOf),
	}
}

func joinAskers[T any](look func(ctx context.Context, queue string) (T, error)) *batch.Group[string, T] {
	return batch.New(askersTogether, waitingTimeout, func(ctx context.Context, asked []string) ([]T, error) {
		known := map[string]T{}
		answers := make([]T, len(asked))
		for i, queue := range asked {
			answer, ok := known[queue]
			if !ok {
				var err error
				if answer, err = look(ctx, queue); err != nil {
					return nil, err
				}
				known[queue] = answer
			}
			answers[i] = answer
		}
		return answers, nil
	})
}
