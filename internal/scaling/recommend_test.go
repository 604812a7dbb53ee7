package scaling

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorkersAreReckonedFromWhatWaitsRunsAndComesIn(t *testing.T) {
	t.Parallel()
	ai := func(q Queue) Group {
		q.Name, q.SLO = "ai", 15*time.Second
		return Group{Name: "worker-ai", Queues: []Queue{q}, Living: 1, Slots: 16, Bounds: Bounds{1, 10}}
	}
	for name, c := range map[string]struct {
		group   Group
		workers int
		reason  string
	}{
		"nothing": {ai(Queue{}), 1, "Nothing waits, runs or comes in; its bounds keep 1."},
		"nothing, and none is needed": {
			func() Group { g := ai(Queue{}); g.Least = 0; return g }(), 0, "Nothing waits, runs or comes in.",
		},
		"one waits, and none is there": {
			func() Group { g := ai(Queue{Waiting: 1, Run: time.Millisecond}); g.Least, g.Living = 0, 0; return g }(), 1,
			"1 job waits up to 0s in ai, SLO 15s: 1 worker would clear it in 15s.",
		},
		"a backlog": {
			ai(Queue{Waiting: 41, Oldest: 38 * time.Second, Run: 17 * time.Second}), 3,
			"41 jobs wait up to 38s in ai, SLO 15s: 3 workers would clear it in 15s.",
		},
		"a backlog over the bounds": {
			ai(Queue{Waiting: 10_000, Oldest: time.Minute, Run: 2 * time.Second}), 10,
			"10000 jobs wait up to 1m0s in ai, SLO 15s: 84 workers would clear it in 15s; its bounds allow 10.",
		},
		"a backlog of jobs that nobody has seen end": {
			ai(Queue{Waiting: 480, Oldest: time.Second}), 2,
			"480 jobs wait up to 1s in ai, SLO 15s (none has ended lately: 1s each is assumed): 2 workers would clear it in 15s.",
		},
		"what comes in": {
			ai(Queue{Arrivals: 20, Run: 2 * time.Second, Running: 30}), 4,
			"20 jobs/s of 2s each come in for ai: 4 workers would be busy with it to 80 %.",
		},
		"long jobs that run": {ai(Queue{Running: 33, Run: time.Hour}), 3, "33 jobs run in ai: 3 workers would have room for it."},
		"short jobs that run": { // and end soon, but a worker that is stopped would have to hand them back
			ai(Queue{Running: 33, Run: time.Second}), 3, "33 jobs run: 3 workers would have room for them.",
		},
		"one waits and each slot is busy, for a moment": {
			ai(Queue{Running: 16, Waiting: 1, Run: time.Second}), 1, "1 job waits up to 0s in ai, SLO 15s: 1 worker would clear it in 15s.",
		},
		"paused": {
			ai(Queue{Paused: true, Waiting: 1000, Oldest: time.Hour, Arrivals: 100, Run: time.Second, Running: 2}), 1,
			"2 jobs run in ai: 1 worker would have room for it.",
		},
		"over the SLO with every slot busy": {
			func() Group {
				g := ai(Queue{Waiting: 5, Oldest: 38 * time.Second, Run: time.Millisecond, Running: 16})
				g.Busy = 16
				return g
			}(), 2, "5 jobs wait up to 38s in ai, SLO 15s, and all 16 slots are busy: one more than the 1 there.",
		},
		"over the SLO with slots free": { // more workers would not help
			ai(Queue{Waiting: 5, Oldest: 38 * time.Second, Run: time.Millisecond, Running: 3}), 1,
			"5 jobs wait up to 38s in ai, SLO 15s: 1 worker would clear it in 15s.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, Recommendation{c.workers, c.reason}, Recommend(c.group, 0.8))
		})
	}
}

func TestAGroupHasWorkersForAllItsQueues(t *testing.T) {
	t.Parallel()
	g := Group{Slots: 4, Living: 2, Bounds: Bounds{0, 20}, Queues: []Queue{
		{Name: "files", SLO: 10 * time.Second, Arrivals: 2, Run: time.Second, Running: 1},           // 2.5 slots
		{Name: "critical", SLO: time.Second, Waiting: 6, Oldest: time.Second, Run: 2 * time.Second}, // 6 slots
		{Name: "mail", SLO: time.Minute},
	}}
	require.Equal(t, Recommendation{
		3, "6 jobs wait up to 1s in critical, SLO 1s: 3 workers would clear it in 1s, beside files.",
	}, Recommend(g, 0.8))
}

// More work never wants fewer workers, and bounds hold whatever comes.
func FuzzRecommend(f *testing.F) {
	f.Add(int64(10), int64(5), 3.0, int64(time.Second), 2, 16)
	f.Fuzz(func(t *testing.T, waiting, running int64, arrivals float64, run int64, living, slots int) {
		if waiting < 0 || running < 0 || !(arrivals >= 0 && arrivals < 1e9) || run < 0 || living < 0 || slots < 1 {
			return // nothing that there can be
		}
		g := Group{Living: living, Slots: slots, Bounds: Bounds{0, 50}, Queues: []Queue{{
			Name: "q", SLO: time.Second, Waiting: waiting % 1e9, Running: running % 1e9, Arrivals: arrivals, Run: time.Duration(run % 1e12),
		}}}
		less := Recommend(g, 0.8)
		g.Queues[0].Waiting++
		more := Recommend(g, 0.8)
		require.LessOrEqual(t, less.Workers, more.Workers)
		require.LessOrEqual(t, more.Workers, 50)
		require.Positive(t, more.Workers, "something waits")
		require.NotEmpty(t, more.Reason)
	})
}
