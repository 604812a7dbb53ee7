package scaling

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// worker is a living worker that serves queues and runs some jobs.
func worker(running int, concurrency int32, queues ...string) queue.Worker {
	w := queue.Worker{Weights: map[string]int{}, Running: make([]db.RunningJobsRow, running)}
	w.ID, w.Concurrency = uuid.New(), concurrency
	for _, name := range queues {
		w.Weights[name] = 1
	}
	return w
}

func usual(t *testing.T) plan {
	t.Helper()
	p, err := Config{}.plan()
	require.NoError(t, err)
	return p
}

func TestAQueueCountsAtTheWorkersThatAreThereForItMost(t *testing.T) {
	t.Parallel()
	loads := []queue.Load{{Queue: "files", Waiting: 3}, {Queue: "ai"}, {Queue: "mail"}, {Queue: "own"}, {Queue: "nobodys"}}
	// Given two workers of ai, one that serves everything, and one of a set that has no name
	groups := usual(t).arrange([]queue.Worker{
		worker(1, 2, "ai"), worker(2, 4, "ai"), worker(0, 16, "mail", "own"),
		worker(0, 16, "critical", "files", "ai", "mail", "reports", "maintenance"),
	}, loads)
	// Then each queue counts once
	require.Len(t, groups, 3)
	require.Equal(t, "mail+own", groups[0].Name)
	require.Equal(t, []string{"mail", "own"}, namesOf(groups[0].Queues))
	require.Equal(t, time.Minute, groups[0].Queues[0].SLO)
	require.Equal(t, "worker", groups[1].Name)
	require.Equal(t, []string{"files"}, namesOf(groups[1].Queues))
	require.Equal(t, "worker-ai", groups[2].Name)
	require.Equal(t, []string{"ai"}, namesOf(groups[2].Queues))
	require.Equal(t, 2, groups[2].Living)
	require.Equal(t, 3, groups[2].Slots, "the mean")
	require.Equal(t, 3, groups[2].Busy)
}

func TestAQueueThatNobodyServesCountsAtTheGroupThatWould(t *testing.T) {
	t.Parallel()
	groups := usual(t).arrange(nil, []queue.Load{{Queue: "files", Waiting: 3}, {Queue: "critical"}, {Queue: "ai"}})
	require.Len(t, groups, 2)
	require.Equal(t, "worker-ai", groups[0].Name)
	require.Equal(t, "worker-files", groups[1].Name)
	require.Equal(t, []string{"files", "critical"}, namesOf(groups[1].Queues))
	require.Zero(t, groups[1].Living)
	require.Equal(t, queue.UsualConcurrency, groups[1].Slots)
}

func TestSettingsAreRead(t *testing.T) {
	t.Parallel()
	p, err := Config{
		SLO: map[string]time.Duration{"ai": time.Minute}, Groups: map[string]string{"brain": "ai", "rest": "mail+files"},
		Bounds: map[string]string{"brain": "0:3"}, Every: time.Second, Window: time.Minute, Utilisation: 0.5,
	}.plan()
	require.NoError(t, err)
	require.Equal(t, time.Minute, p.sloOf("ai"))
	require.Equal(t, 10*time.Second, p.sloOf("files"))
	require.Equal(t, groups{"brain": {"ai"}, "rest": {"mail", "files"}}, p.groups)
	require.Equal(t, Bounds{0, 3}, p.boundsOf("brain"))
	require.Equal(t, usualBounds, p.boundsOf("rest"))
	for setting, cfg := range map[string]Config{
		"SCALING_WAIT_SLO":    {SLO: map[string]time.Duration{"ai": 0}},
		"SCALING_WAIT_SLO: x": {SLO: map[string]time.Duration{"x": time.Second}},
		"SCALING_GROUPS":      {Groups: map[string]string{"brain": "ai+x"}},
		"SCALING_BOUNDS":      {Bounds: map[string]string{"worker-ai": "3:1"}},
		"SCALING_UTILISATION": {Utilisation: 80},
	} {
		_, err := cfg.plan()
		require.ErrorContains(t, err, setting)
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
	for _, wrong := range []string{"", "1", ":", "-1:2", "0:0", "a:b", "1:2:3"} {
		_, err := ParseBounds(wrong)
		require.Error(t, err, wrong)
	}
}

func TestWorkersAreKeptForAWhile(t *testing.T) {
	t.Parallel()
	p := usual(t)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	row := func(ago time.Duration, group string, wanted int32) db.ScalingAdvice {
		return db.ScalingAdvice{Tick: now.Add(-ago), GroupName: group, Wanted: wanted, Living: 2, Least: 1, Most: 9, Reason: "So."}
	}
	rows := []db.ScalingAdvice{
		row(0, "ai", 1), row(0, "files", 5), row(15*time.Second, "ai", 3), row(15*time.Second, "gone", 7),
		row(30*time.Second, "ai", 3), row(4*time.Minute, "files", 2), row(5*time.Minute, "ai", 8),
	}
	a := p.settle(rows, now.Add(time.Second))
	require.Equal(t, now, a.At)
	require.Len(t, a.Groups, 2, "and not one that nobody looks at any more")
	require.Equal(t, 3, a.Groups[0].Desired, "what was wanted five minutes ago counts no longer")
	require.Equal(t, "So. 3 workers kept until 12:04:45 without need, as at 11:59:45: So.", a.Groups[0].Reason)
	require.Equal(t, 5, a.Groups[1].Desired, "more is wanted at once")
	require.Equal(t, "So.", a.Groups[1].Reason)
	// Nobody has looked for long
	require.Zero(t, p.settle(rows, now.Add(5*time.Minute)).At)
	require.Zero(t, p.settle(nil, now).At)
}
