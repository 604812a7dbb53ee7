package cleanup_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/cleanup"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const patience = 60 * time.Second // for what takes milliseconds, on a machine that is busy

func TestASweepAsAJobTellsItsCounts(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	h.job("old", queue.Succeeded, 15*day)
	h.engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(h.engine.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, tasks.Sweep, h.Sweep)
	worker := queue.NewRunner(h.engine, mux, queue.RunnerConfig{Queues: map[string]int{tasks.Maintenance: 1}})
	require.NoError(t, worker.Start(t.Context()))
	t.Cleanup(func() { _ = worker.Stop(context.Background()) })

	sweep := func(args string) db.Job {
		t.Helper()
		var job queue.Record
		require.NoError(t, db.InTx(t.Context(), h.pool, func(tx pgx.Tx) (err error) {
			job, err = queue.EnqueueRaw(t.Context(), tx, queue.Raw(tasks.Sweep), json.RawMessage(args))
			return err
		}))
		require.Eventually(t, func() bool {
			var err error
			job.Job, err = db.New().JobByID(context.WithoutCancel(t.Context()), h.pool, job.ID)
			return err == nil && job.State == queue.Succeeded
		}, patience, 10*time.Millisecond)
		return job.Job
	}
	dry := sweep(`{"dry_run": true, "only": ["jobs"]}`)
	require.JSONEq(t, `{"dry_run": true, "swept": [{"what": "jobs", "count": 1}]}`, string(dry.Result))
	require.JSONEq(t, string(dry.Result), string(dry.Progress))
	all := sweep(``)
	var report cleanup.Report
	require.NoError(t, json.Unmarshal(all.Result, &report))
	require.Len(t, report.Lines, len(tasks.Sweepable()))
	require.Equal(t, cleanup.Line{What: tasks.SweepJobs, Count: 1}, report.Lines[3])
}
