package api_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

func (s *site) ask(u user) api.QuestionAccepted {
	s.t.Helper()
	var asked api.QuestionAccepted
	s.send(request{path: "/api/ai/query", as: &u, json: api.Question{Prompt: "why?"}}).want(http.StatusAccepted).into(&asked)
	return asked
}

func (s *site) job(u user, id uuid.UUID) (job api.Job) {
	s.t.Helper()
	s.send(request{path: "/api/jobs/" + id.String(), as: &u}).want(http.StatusOK).into(&job)
	return job
}

func TestJobsAreSeenByTheirOwnerOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, bob := s.user(), s.user()
	id := s.ask(ada).JobID
	path := "/api/jobs/" + id.String()
	for _, r := range []request{
		{path: path}, {path: path + "/events"}, {method: "DELETE", path: path}, {method: "POST", path: path + "/retry"},
		{path: "/api/ai/stream", header: map[string]string{"Last-Event-ID": id.String() + "/"}},
	} {
		r.as = &bob
		s.send(r).problem(404, "not_found")
	}
	var page api.JobPage
	s.send(request{path: "/api/jobs", as: &bob}).want(http.StatusOK).into(&page)
	require.Empty(t, page.Items)
	require.Equal(t, api.Queued, s.job(ada, id).State)
}

func TestAListIsWalkedPageByPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	var want []uuid.UUID
	for range 7 {
		want = append([]uuid.UUID{s.ask(ada).JobID}, want...)
	}
	var got []uuid.UUID
	path := "/api/jobs?limit=3"
	for pages := 1; ; pages++ {
		var page api.JobPage
		s.send(request{path: path, as: &ada}).want(http.StatusOK).into(&page)
		for _, job := range page.Items {
			got = append(got, job.ID)
		}
		if page.Next == nil {
			require.Equal(t, 3, pages)
			break
		}
		path = "/api/jobs?limit=3&before=" + page.Next.String()
	}
	require.Equal(t, want, got)

	var page api.JobPage
	s.send(request{path: "/api/jobs?state=running", as: &ada}).want(http.StatusOK).into(&page)
	require.Empty(t, page.Items)
	s.send(request{path: "/api/jobs?state=queued&kind=ai:infer", as: &ada}).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 7)
}

func TestASearchAmongManyJobsGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, root := s.user(), s.admin()
	old := s.ask(ada).JobID
	s.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, state, finished_at)
		SELECT ('ffffffff-ffff-7fff-bfff-' || lpad(to_hex(n), 12, '0'))::uuid, 'file:scan', 'files', '{}', 1, $1, 'succeeded', now()
		FROM generate_series(1, 5010) AS n`, ada.id)
	for _, r := range []request{
		{path: "/api/jobs?kind=ai:infer", as: &ada},
		{path: "/api/admin/jobs?kind=ai:infer", as: &root},
		{path: "/api/admin/jobs?kind=ai:infer&owner=" + ada.id.String(), as: &root},
	} {
		var page struct {
			Items []struct{ ID uuid.UUID }
			Next  *uuid.UUID
		}
		s.send(r).want(http.StatusOK).into(&page)
		require.Empty(t, page.Items, "%s", r.path)
		require.NotNil(t, page.Next, "%s", r.path)
		r.path += "&before=" + page.Next.String()
		s.send(r).want(http.StatusOK).into(&page)
		require.Len(t, page.Items, 1, "%s", r.path)
		require.Equal(t, old, page.Items[0].ID)
		require.Nil(t, page.Next, "%s", r.path)
	}
	var page api.JobPage
	s.send(request{path: "/api/jobs?limit=1", as: &ada}).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 1, "without a filter each that it looks at is found")
}

func TestAJobIsCancelledAndRunAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	id := s.ask(ada).JobID
	path := "/api/jobs/" + id.String()
	s.send(request{method: "POST", path: path + "/retry", as: &ada}).problem(409, "job_state")
	var job api.Job
	s.send(request{method: "DELETE", path: path, as: &ada}).want(http.StatusOK).into(&job)
	require.Equal(t, api.Cancelled, job.State)
	require.Equal(t, "cancelled", job.Error.Code)
	require.NotNil(t, job.FinishedAt)
	s.send(request{method: "DELETE", path: path, as: &ada}).problem(409, "job_state")

	s.infer(func(context.Context, *queue.Run) (any, error) {
		return nil, fault.New(fault.Invalid, "That was no question.")
	})
	s.send(request{method: "POST", path: path + "/retry", as: &ada}).want(http.StatusAccepted).into(&job)
	require.Equal(t, api.Queued, job.State)
	eventually(t, "failed", func() bool { return s.job(ada, id).State == api.Failed })
	require.Equal(t, &api.JobError{Code: "invalid", Message: "That was no question."}, s.job(ada, id).Error)
}
