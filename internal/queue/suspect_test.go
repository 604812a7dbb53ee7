package queue_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/queue"
)

// An innocent neighbour of a job that kills its workers dies with it. Before both are set aside, they are told apart.
func TestOfTwoJobsOnTheirLastChanceAWorkerRunsOneAtATimeAndOthersBeside(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	var suspects most
	started, end := make(chan struct{}, 9), make(chan struct{})
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		if job.Record().Crashes > 0 {
			suspects.up()
			defer suspects.down()
			started <- struct{}{}
			<-end
		}
		return nil, payOnce(ctx, p.pool, job)
	})
	enqueueMany(p, echo, 3)
	p.exec(`UPDATE jobs SET crashes = 2`)
	e := p.engine(quick)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{Concurrency: 8}, mux)
	receive(t, started)
	for range 5 {
		p.await(enqueue(p, echo).ID, queue.Succeeded) // it keeps nobody else
	}
	close(end)
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == 8 }, "all should end")
	require.EqualValues(t, 1, suspects.top.Load())
	require.Equal(t, 8, p.count(`SELECT count(*) FROM ledger`))
	require.Zero(t, p.count(`SELECT count(*) FROM jobs WHERE crashes = 2 AND attempt <> 1`))
}
