package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/audit"
	"rohrpost/internal/schedule"
	"rohrpost/tasks"
)

func (s *site) admin() (u user) {
	s.t.Helper()
	u.email = "root@example.org"
	_, err := s.accounts.EnsureAdmin(s.t.Context(), u.email, password, audit.CommandLine())
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
	require.Equal(t, []string{"schedule.resume", "schedule.run", "schedule.pause"}, s.audited(root, "target=sweep"))
}

// audited lists the actions in the audit log, the latest first.
func (s *site) audited(root user, filter string) (actions []string) {
	s.t.Helper()
	var page api.AuditPage
	s.send(request{path: "/api/admin/audit?" + filter, as: &root}).want(http.StatusOK).into(&page)
	for _, e := range page.Items {
		actions = append(actions, e.Action)
	}
	return actions
}

func TestAnAdminMakesAScheduleChangesItAndDeletesIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.admin()
	const at = "/api/admin/schedules"
	spec := `{"name":"bell","cron":"0 6 * * *","zone":"Europe/Berlin","kind":"cleanup:sweep","args":{"dry_run":true}}`
	twice := send(at, spec).by(&root).with("Idempotency-Key", "one")
	var made, one api.Schedule
	first := s.send(twice).want(http.StatusCreated)
	first.into(&made)
	require.Equal(t, at+"/bell", first.header.Get("Location"))
	require.Equal(t, "true", s.send(twice).want(http.StatusCreated).header.Get("Idempotency-Replayed"))
	s.send(send(at, spec).by(&root)).problem(409, "conflict")
	require.Equal(t, "once", made.CatchUp)
	require.Len(t, made.Next, 5)

	change := func(body string) *answer { return s.send(send(at+"/bell", body).via("PATCH").by(&root)) }
	change(`{"cron":"0 99 * * *"}`).problem(400, "invalid")
	change(`{"args":{"speed":1}}`).problem(400, "invalid")
	change(`{"catch_up":"perhaps"}`).problem(400, "invalid")
	s.send(get(at + "/bell").by(&root)).want(http.StatusOK).into(&one)
	require.Equal(t, made, one, "nothing was changed")
	change(`{"cron":"*/5 * * * *","zone":"UTC","catch_up":"all","args":{}}`).want(http.StatusOK).into(&one)
	require.Equal(t, []string{"*/5 * * * *", "UTC", "all", "{}"}, []string{one.Cron, one.Zone, one.CatchUp, string(one.Args)})

	var jobs []api.JobAccepted
	for range 3 {
		var job api.JobAccepted
		s.send(get(at + "/bell/run").via("POST").by(&root)).want(http.StatusAccepted).into(&job)
		jobs = append(jobs, job)
	}
	var page api.ScheduleRunPage
	s.send(get(at + "/bell/runs?limit=2").by(&root)).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 2)
	require.Equal(t, jobs[2].JobID, page.Items[0].JobID)
	rest := at + "/bell/runs?before=" + page.Next.Format(time.RFC3339Nano)
	page = api.ScheduleRunPage{}
	s.send(get(rest).by(&root)).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 1)
	require.Equal(t, jobs[0].JobID, page.Items[0].JobID)
	require.Nil(t, page.Next)

	s.send(get(at + "/bell").via("DELETE").by(&root)).want(http.StatusNoContent)
	s.send(get(at+"/bell").by(&root)).problem(404, "not_found")
	require.Equal(t, []string{"schedule.delete", "schedule.run", "schedule.run", "schedule.run", "schedule.change",
		"schedule.create"}, s.audited(root, "target=bell"))
	require.Equal(t, []string{"schedule.delete"}, s.audited(root, "target=bell&action=schedule.delete"))
	require.Empty(t, s.audited(root, "actor="+uuid.NewString()))
}

func TestTheAuditLogIsReadPageByPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.admin()
	for range 3 {
		require.NoError(t, audit.Record(t.Context(), s.pool, audit.CommandLine(), audit.Entry{
			Action: "backup.delete", Target: "b", Reason: "old", Detail: map[string]int{"bytes": 7},
		}))
	}
	var page api.AuditPage
	s.send(get("/api/admin/audit?limit=2").by(&root)).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 2)
	require.Nil(t, page.Items[0].Actor)
	require.Contains(t, page.Items[0].ActorName, "@")
	require.JSONEq(t, `{"bytes":7}`, string(page.Items[0].Detail))
	rest := "/api/admin/audit?before=" + page.Next.String()
	page = api.AuditPage{}
	s.send(get(rest).by(&root)).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 2)
	require.Equal(t, "user.create", page.Items[1].Action, "the administrator of this test")
	require.Nil(t, page.Next)
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
	require.Equal(t, []string{"cleanup.sweep"}, s.audited(root, "target="+job.JobID.String()))
	require.Equal(t, 1, s.count(
		`SELECT count(*) FROM jobs WHERE id = $1 AND args = '{"dry_run": true, "only": ["jobs"]}'`, job.JobID))
}
