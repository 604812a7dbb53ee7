package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/cleanup"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func TestJobsAreFoundWhoeverTheyBelongTo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ada := d.account("ada@example.org", "user")
	failed, waiting, hers := d.job("mail:send", queue.Failed), d.job("cleanup:sweep", queue.Queued), d.job("file:scan", queue.Succeeded)
	d.exec("UPDATE jobs SET owner = $1, queue = 'files', started_at = finished_at - interval '90 s' WHERE id = $2", ada, hers)
	for filter, want := range map[string][]uuid.UUID{
		"":                                {hers, waiting, failed},
		"--state failed":                  {failed},
		"--kind file:scan":                {hers},
		"--queue maintenance":             {waiting, failed},
		"--owner ada@example.org":         {hers},
		"--owner system --state queued":   {waiting},
		"--next " + waiting.String():      {failed},
		"--kind no:such":                  {},
		"--owner " + ada.String():         {hers},
		"--limit 1 --kind cleanup:sweep ": {waiting},
	} {
		items, _ := d.admin(append([]string{"jobs", "list", "--json"}, strings.Fields(filter)...)...).list()
		got := []uuid.UUID{}
		for _, item := range items {
			got = append(got, uuid.MustParse(item["id"].(string)))
		}
		require.Equal(t, want, got, filter)
	}
	rows := d.admin("jobs", "list").want(terminal.OK).cells()
	require.Equal(t, []string{hers.String(), "file:scan", "succeeded", "0/5"}, rows[0][:4])
	require.Equal(t, "1m30s", rows[0][7])
	require.Equal(t, []string{"invalid:", "It", `was\x1b[2J`, "wrong."}, rows[2][7:])

	var shown map[string]any
	d.admin("jobs", "show", hers.String(), "--json").want(terminal.OK).into(&shown)
	require.Equal(t, ada.String(), shown["owner"])
	require.Equal(t, map[string]any{}, shown["args"])
	require.Equal(t, "/api/jobs/"+hers.String()+"/events", shown["events_url"])
	text := d.admin("jobs", "show", failed.String()).want(terminal.OK).out
	require.Regexp(t, `(?m)^owner +system$`, text)
	require.Contains(t, text, `  invalid: It was\x1b[2J wrong.`)
	require.Regexp(t, `(?m)^waits +No living worker serves`, d.admin("jobs", "show", waiting.String()).want(terminal.OK).out)
	var queued map[string]any
	d.admin("jobs", "show", waiting.String(), "--json").want(terminal.OK).into(&queued)
	require.Equal(t, "no_worker", queued["waiting"].(map[string]any)["cause"])

	// A failed one may be taken out of the dead letters
	require.Equal(t, "Job "+failed.String()+" is discarded.\n", d.admin("jobs", "discard", failed.String()).want(terminal.OK).out)
	d.admin("jobs", "discard", failed.String()).want(terminal.Failure)
	require.Regexp(t, `(?m)^discarded +20`, d.admin("jobs", "show", failed.String()).out)
	require.Equal(t, []string{"job.discard " + failed.String()}, d.logged())
}

func TestAJobIsCancelledAndRunAgainAtTheConsole(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	id := d.job("cleanup:sweep", queue.Queued)
	require.Equal(t, "Job "+id.String()+" is cancelled.\n", d.admin("jobs", "cancel", id.String()).want(terminal.OK).out)
	again := d.admin("jobs", "cancel", id.String(), "--json").want(terminal.Failure)
	code, message := again.problem()
	require.Equal(t, "job_state", code)
	require.Equal(t, "The job is over already.", message)
	cancelled := d.admin("jobs", "follow", id.String()).want(terminal.Failure)
	require.Contains(t, cancelled.beside, "was cancelled: It was cancelled by an administrator. (cancelled)")

	// Given a worker that does it at the second try only
	failed := false
	d.sweeps(func(context.Context, *queue.Job[tasks.SweepArgs]) (any, error) {
		if failed {
			return cleanup.Report{Lines: []cleanup.Line{{What: tasks.SweepTicks, Count: 3, Error: "Not all."}}}, nil
		}
		failed = true
		return nil, fault.New(fault.Forbidden, "It must not be.")
	})
	// When it is run again, it fails for the command as it does for the job
	first := d.admin("jobs", "retry", id.String(), "--json").want(terminal.Failure)
	code, message = first.problem()
	require.Equal(t, "forbidden", code)
	require.Equal(t, "The job "+id.String()+" failed: It must not be. (forbidden)", message)
	events := first.events()
	require.Equal(t, "error", events[len(events)-1].Event)
	require.Equal(t, "forbidden", events[len(events)-1].Data["code"])
	for _, e := range events {
		require.NotEqual(t, "cancelled", e.Data["state"], "what was before it is not told again")
	}
	// And once more, it is done
	second := d.admin("jobs", "retry", id.String()).want(terminal.OK)
	require.Equal(t, [][]string{{"schedule_ticks", "3", "0", "B", "0", "Not", "all."}}, second.cells())
	require.Regexp(t, `The job \S+ succeeded after \d+`, second.beside)
	require.Contains(t, d.admin("jobs", "retry", id.String()).want(terminal.Failure).beside, "Only a failed or cancelled job")
	require.Equal(t, []string{"job.retry " + id.String(), "job.retry " + id.String(), "job.cancel " + id.String()}, d.logged())
}
