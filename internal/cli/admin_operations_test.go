package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
	"rohrpost/worker"
)

func TestQueuesArePausedAndResumedAndWorkersSeen(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	require.Equal(t, "There are none.\n", d.admin("workers", "list").want(terminal.OK).beside)
	sweep, letGo := slowly(t)
	d.sweeps(sweep)
	id := strings.TrimSpace(d.admin("cleanup", "--yes", "--no-wait").want(terminal.OK).out)
	require.Eventually(t, func() bool {
		workers, _ := d.admin("workers", "list", "--json").list()
		return len(workers) == 1 && len(workers[0]["running"].([]any)) == 1
	}, patience, pollEvery)
	row := d.admin("workers", "list").cells()[0]
	require.Contains(t, row, "1/16")
	require.Contains(t, row, "maintenance")

	paused := d.admin("queues", "pause", "maintenance", "--reason", "The disk is\x1b[2J full.").want(terminal.OK)
	require.Equal(t, "The queue maintenance is paused; 1 of its jobs run on.\n", paused.out)
	later := d.job("cleanup:sweep", queue.Queued)
	require.Regexp(t, `(?m)^waits +.*paused`, d.admin("jobs", "show", later.String()).want(terminal.OK).out)
	queues, _ := d.admin("queues", "list", "--json").list()
	for _, q := range queues {
		require.Equal(t, q["name"] == "maintenance", q["paused"] != nil)
	}
	for _, row := range d.admin("queues", "list").want(terminal.OK).cells() {
		if row[0] == "maintenance" {
			require.Equal(t, []string{"1", "0", "0", "1", "0"}, row[1:6], "waiting, at limit, delayed, running, dead")
			require.Contains(t, strings.Join(row, " "), `The disk is\x1b[2J full.`)
		}
	}
	var resumed map[string]any
	d.admin("queues", "resume", "maintenance", "--json").want(terminal.OK).into(&resumed)
	require.NotContains(t, resumed, "paused")
	letGo()
	d.admin("jobs", "follow", id).want(terminal.OK)
	require.Len(t, d.logged(), 3)
	require.Equal(t, []string{"queue.resume maintenance", "queue.pause maintenance"}, d.logged()[:2])
}

func TestHowManyWorkersThereShouldBeIsShownWithTheReason(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	require.Equal(t, "No scheduler has looked lately, so nobody knows.\n", d.admin("scaling").want(terminal.OK).beside)
	_, err := d.pool.Exec(t.Context(), `INSERT INTO scaling_advice (tick, group_name, queues, living, least, most, wanted, reason)
		VALUES (now(), 'worker-ai', '{ai}', 1, 0, 4, 3, 'Much to do.')`)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"worker-ai", "1", "3", "0:4", "Much", "to", "do."}}, d.admin("scaling").want(terminal.OK).cells())
	items, _ := d.admin("scaling", "--json").list()
	require.EqualValues(t, 3, items[0]["desired"])
}

func TestDeadLettersAreSortedAndDealtWith(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first, second, other := d.job("cleanup:sweep", queue.Failed), d.job("cleanup:sweep", queue.Failed), d.job("mail:send", queue.Failed)
	d.workOn(func(mux *queue.Mux, h house) {
		queue.Handle(mux, tasks.Sweep, func(context.Context, *queue.Job[tasks.SweepArgs]) (any, error) { return nil, nil })
		worker.DeadLetters(mux, h.deadletter)
	})
	// Given three of two causes
	groups := d.admin("dead-letters", "groups").want(terminal.OK).cells()
	require.Len(t, groups, 2)
	items, _ := d.admin("dead-letters", "groups", "--kind", "cleanup:sweep", "--json").list()
	require.EqualValues(t, 2, items[0]["count"])
	require.Equal(t, "invalid", items[0]["code"])
	listed := d.admin("dead-letters", "list", "--q", "WRONG", "--since", "2026-01-01T00:00:00Z").want(terminal.OK).cells()
	require.Equal(t, []string{other.String(), "mail:send", "failed"}, listed[0][:3])
	// When those of one are counted, and run again after a question
	require.Equal(t, "2 dead letters would be run again.\n",
		d.admin("dead-letters", "retry", "--kind", "cleanup:sweep", "--dry-run").want(terminal.OK).out)
	asked := d.at(t.Context(), &terminal.Screen{In: strings.NewReader("y\n"), Asks: true, BarWidth: 80},
		"dead-letters", "retry", "--kind", "cleanup:sweep", "--rate", "100").want(terminal.OK)
	require.Contains(t, asked.beside, "2 dead letters are run again. Go on? [y/N]")
	require.Equal(t, "Of 2 dead letters, 2 run again, 0 were discarded and 0 were skipped.\n", asked.out)
	for _, id := range []string{first.String(), second.String()} {
		d.admin("jobs", "follow", id).want(terminal.OK)
	}
	// And the other is discarded by its id
	var count map[string]any
	d.admin("dead-letters", "discard", other.String(), "--dry-run", "--json").want(terminal.OK).into(&count)
	require.Equal(t, map[string]any{"dry_run": true, "count": float64(1)}, count)
	d.admin("dead-letters", "discard", other.String(), "--yes").want(terminal.OK)
	// Then there are none
	require.Equal(t, "There are none.\n", d.admin("dead-letters", "list").want(terminal.OK).beside)
	require.Len(t, d.logged(), 2)
	require.Contains(t, d.logged()[0], "deadletter.discard")
	require.Contains(t, d.logged()[1], "deadletter.retry")
}
