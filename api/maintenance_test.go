package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/schedule"
	"rohrpost/tasks"
)

func (s *site) admin() (u user) {
	s.t.Helper()
	u.email = "root@example.org"
	_, err := s.accounts.EnsureAdmin(s.t.Context(), u.email, password)
	require.NoError(s.t, err)
	s.send(request{path: "/api/auth/login", json: api.Credentials{Email: u.email, Password: password}}).
		want(http.StatusOK).into(&u.tokens)
	return u
}

func TestAnAdminLooksAfterTheSchedules(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.admin()
	seeded := schedule.New(s.pool, tasks.Schedulable(), s.log())
	require.NoError(t, seeded.Seed(t.Context(), []schedule.Spec{
		{Name: "sweep", Cron: "40 2 * * *", Zone: "UTC", Kind: tasks.Sweep.Name},
	}))
	list := func() (list api.ScheduleList) {
		s.send(request{path: "/api/admin/schedules", as: &root}).want(http.StatusOK).into(&list)
		return list
	}
	call := func(what string) *answer {
		return s.send(request{method: "POST", path: "/api/admin/schedules/" + what, as: &root})
	}

	sweep := list().Items[0]
	require.Equal(t, "sweep", sweep.Name)
	require.True(t, sweep.Builtin)
	require.Len(t, sweep.Next, 5)
	require.Nil(t, sweep.Last)

	var one api.Schedule
	call("sweep/pause").want(http.StatusOK).into(&one)
	require.True(t, one.Paused)
	require.Empty(t, one.Next)

	// A paused one still runs by hand, and the job is the admin's to follow.
	var job api.JobAccepted
	started := call("sweep/run").want(http.StatusAccepted)
	started.into(&job)
	require.Equal(t, "/api/jobs/"+job.JobID.String(), started.header.Get("Location"))
	require.Equal(t, "cleanup:sweep", s.job(root, job.JobID).Kind)
	last := list().Items[0].Last
	require.Equal(t, job.JobID, last.JobID)
	require.True(t, last.Manual)
	require.Equal(t, api.Queued, *last.State)

	call("sweep/resume").want(http.StatusOK).into(&one)
	require.False(t, one.Paused)
	require.Len(t, one.Next, 5)
	for _, what := range []string{"run", "pause", "resume"} {
		call("nothing/"+what).problem(404, "not_found")
	}
}

func TestAnAdminAsksForASweepAndHasToSayWhetherItMayDelete(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.admin()
	sweep := func(body string) *answer {
		return s.send(send("/api/admin/cleanup", body).by(&root))
	}
	sweep(`{}`).problem(400, "invalid")
	sweep(`{"dry_run":true,"only":["users"]}`).problem(400, "invalid")
	require.Zero(t, s.count("SELECT count(*) FROM jobs"))

	var job api.JobAccepted
	sweep(`{"dry_run":true,"only":["jobs"]}`).want(http.StatusAccepted).into(&job)
	require.Equal(t, "cleanup:sweep", s.job(root, job.JobID).Kind)
	require.Equal(t, 1, s.count(
		`SELECT count(*) FROM jobs WHERE id = $1 AND args = '{"dry_run": true, "only": ["jobs"]}'`, job.JobID))
}
