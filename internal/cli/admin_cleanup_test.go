package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/cleanup"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/queue"
	"rohrpost/worker"
)

// cleaner is a desk whose installation sweeps, with two jobs that are too old.
func cleaner(t testing.TB) *desk {
	d := newDesk(t)
	for range 2 {
		d.exec("UPDATE jobs SET finished_at = now() - interval '40 days' WHERE id = $1", d.job("file:scan", queue.Succeeded))
	}
	service, err := cleanup.New(cleanup.Deps{Pool: d.pool}, cleanup.Config{})
	require.NoError(t, err)
	d.work(func(mux *queue.Mux) { worker.Maintenance(mux, service) })
	return d
}

func (d *desk) old() int {
	return d.count("SELECT count(*) FROM jobs WHERE finished_at < now() - interval '1 day'")
}

func TestACleanupShowsFirstWhatItWouldDeleteAndAsks(t *testing.T) {
	t.Parallel()
	d := cleaner(t)
	dry := d.admin("cleanup", "--dry-run", "--only", "jobs,failed_jobs").want(terminal.OK)
	require.Contains(t, dry.out, "WOULD BE DELETED")
	require.Equal(t, [][]string{{"jobs", "2", "0", "B", "0"}, {"failed_jobs", "0", "0", "B", "0"}}, dry.cells())
	refused := d.admin("cleanup", "--only", "jobs").want(terminal.Misuse)
	require.Contains(t, refused.beside, "say --yes")
	unsure := d.at(t.Context(), &terminal.Screen{In: strings.NewReader("\n"), Asks: true}, "cleanup", "--only", "jobs").want(terminal.Failure)
	require.Equal(t, [][]string{{"jobs", "2", "0", "B", "0"}}, unsure.cells())
	require.Contains(t, unsure.beside, "This is deleted for good, and what has come to it meanwhile. Go on? [y/N] ")
	require.Equal(t, 2, d.old(), "nothing happened so far")
	require.Len(t, d.logged(), 2, "two dry runs")

	sure := d.at(t.Context(), &terminal.Screen{In: strings.NewReader("y\n"), Asks: true}, "cleanup", "--only", "jobs").want(terminal.OK)
	require.Contains(t, sure.out, "WOULD BE DELETED")
	require.Contains(t, sure.out, "WHAT  DELETED")
	require.Zero(t, d.old())
	require.Len(t, d.logged(), 4, "another one, and what it led to")
	require.Contains(t, d.logged()[0], "cleanup.sweep ")

	var started map[string]string
	d.admin("cleanup", "--yes", "--no-wait", "--json").want(terminal.OK).into(&started)
	require.Equal(t, "/api/jobs/"+started["job_id"]+"/events", started["events_url"])
	d.admin("jobs", "follow", started["job_id"]).want(terminal.Failure) // the storage is not there to be swept
}
