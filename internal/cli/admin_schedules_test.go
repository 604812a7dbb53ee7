package cli

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func TestASchedulesLifeAtTheConsole(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	d.zone = berlin
	require.Equal(t, "There are none.\n", d.admin("schedules", "list").want(terminal.OK).beside)
	// Given one that is made
	made := d.admin("schedules", "create", "tidy", "--cron", "15 4 1 1 *", "--zone", "Europe/Berlin", "--kind", "cleanup:sweep",
		"--args", `{"only": ["jobs"], "dry_run": true}`).want(terminal.OK)
	require.Contains(t, made.out, "cron      15 4 1 1 *\n")
	require.Contains(t, made.out, "-01-01 04:15:00 +01:00", "people read their own time, with its zone")
	// When it is changed and paused
	d.admin("schedules", "change", "tidy", "--cron", "30 5 * * *", "--catch-up", "skip").want(terminal.OK)
	var paused map[string]any
	d.admin("schedules", "pause", "tidy", "--json").want(terminal.OK).into(&paused)
	require.Equal(t, true, paused["paused"])
	require.Equal(t, "30 5 * * *", paused["cron"])
	require.Equal(t, "skip", paused["catch_up"])
	require.Equal(t, []any{}, paused["next"])
	require.Equal(t, [][]string{{"tidy", "30", "5", "*", "*", "*", "Europe/Berlin", "cleanup:sweep", "paused", "-"}},
		d.admin("schedules", "list").cells())
	// And its job is started twice, one followed and one not
	d.sweeps(func(context.Context, *queue.Job[tasks.SweepArgs]) (any, error) { return map[string]int{"n": 7}, nil })
	d.admin("schedules", "run", "tidy").want(terminal.OK)
	job := strings.TrimSpace(d.admin("schedules", "run", "tidy", "--no-wait").want(terminal.OK).out)
	d.admin("jobs", "follow", job).want(terminal.OK)
	runs, next := d.admin("schedules", "runs", "tidy", "--json", "--limit", "1").list()
	require.Equal(t, job, runs[0]["job_id"])
	require.Equal(t, true, runs[0]["manual"])
	require.Equal(t, "succeeded", runs[0]["state"])
	require.NotEmpty(t, runs[0]["finished_at"])
	runs, next = d.admin("schedules", "runs", "tidy", "--json", "--limit", "1", "--next", next).list()
	require.Len(t, runs, 1)
	require.Empty(t, next)
	require.Len(t, d.admin("schedules", "runs", "tidy").cells(), 2)
	d.admin("schedules", "resume", "tidy").want(terminal.OK)
	var shown map[string]any
	d.admin("schedules", "show", "tidy", "--json").want(terminal.OK).into(&shown)
	require.Len(t, shown["next"], 5)
	require.Equal(t, job, shown["last"].(map[string]any)["job_id"])
	// And it is deleted, which has to be said
	refused := d.admin("schedules", "delete", "tidy").want(terminal.Misuse)
	require.Contains(t, refused.beside, "The schedule tidy is deleted, with the list of what it started. There is no terminal")
	d.at(t.Context(), &terminal.Screen{In: strings.NewReader("no\n"), Asks: true}, "schedules", "delete", "tidy").want(terminal.Failure)
	require.Equal(t, 1, d.count("SELECT count(*) FROM schedules"))
	d.at(t.Context(), &terminal.Screen{In: strings.NewReader("yes\n"), Asks: true}, "schedules", "delete", "tidy").want(terminal.OK)
	// Then it is gone, and all that is on record
	gone := d.admin("schedules", "show", "tidy").want(terminal.Failure)
	require.Equal(t, "rohrpost: There is no such schedule.\n", gone.beside)
	require.Equal(t, []string{
		"schedule.delete tidy", "schedule.resume tidy", "schedule.run tidy", "schedule.run tidy", "schedule.pause tidy",
		"schedule.change tidy", "schedule.create tidy",
	}, d.logged())
}
