package queue_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/queue"
)

func TestTheGaugesShowWhatWaitsAndWhoServes(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	enqueueMany(p, echo, 3)
	p.worker(e, queue.RunnerConfig{Queues: map[string]int{"other": 1}, Concurrency: 5}, queue.NewMux())
	p.pause(e)
	reg := prometheus.NewRegistry()
	e.RegisterGauges(reg)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP rohrpost_queue_jobs Unfinished jobs by queue and state: queued, parked, running.
# TYPE rohrpost_queue_jobs gauge
rohrpost_queue_jobs{queue="q",state="queued"} 3
# HELP rohrpost_queue_paused 1 for each queue that is paused.
# TYPE rohrpost_queue_paused gauge
rohrpost_queue_paused{queue="q"} 1
# HELP rohrpost_queue_slots Jobs that the living workers can run at once, by queue.
# TYPE rohrpost_queue_slots gauge
rohrpost_queue_slots{queue="other"} 5
# HELP rohrpost_workers Living worker processes.
# TYPE rohrpost_workers gauge
rohrpost_workers 1
`), "rohrpost_queue_jobs", "rohrpost_queue_paused", "rohrpost_queue_slots", "rohrpost_workers"))
}
