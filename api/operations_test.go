package api_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/scaling"
	"rohrpost/tasks"
)

func (s *site) queue(root user, name string) (found api.Queue) {
	s.t.Helper()
	var list api.QueueList
	s.send(request{path: "/api/admin/queues", as: &root}).want(http.StatusOK).into(&list)
	require.Len(s.t, list.Items, len(tasks.QueueNames()))
	for _, q := range list.Items {
		if q.Name == name {
			found = q
		}
	}
	return found
}

func TestAnAdminPausesAQueueAndItsJobsSaySo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root, ada := s.admin(), s.user()
	var paused, resumed api.Queue
	s.send(request{path: "/api/admin/queues/ai/pause", as: &root, json: api.Pause{Reason: "new model"}}).
		want(http.StatusOK).into(&paused)
	require.Equal(t, "root@example.org", paused.Paused.By)
	require.Equal(t, "new model", paused.Paused.Reason)

	id := s.ask(ada).JobID // it is taken all the same
	require.Equal(t, "paused", s.job(ada, id).Waiting.Cause)
	require.Equal(t, "The queue ai is paused.", s.job(ada, id).Waiting.Detail, "the reason is for admins")
	require.EqualValues(t, 1, s.queue(root, "ai").Waiting)
	require.Equal(t, paused.Paused, s.queue(root, "ai").Paused)
	s.infer(func(context.Context, *queue.Run) (any, error) { return nil, nil })

	s.send(request{method: "POST", path: "/api/admin/queues/ai/resume", as: &root}).want(http.StatusOK).into(&resumed)
	require.Nil(t, resumed.Paused)
	eventually(t, "succeeded", func() bool { return s.job(ada, id).State == api.Succeeded })
	require.Nil(t, s.job(ada, id).Waiting)
	var log []string
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT array_agg(action || ' ' || target ORDER BY id) FROM audit_entries
		WHERE action <> 'user.create'`).Scan(&log))
	require.Equal(t, []string{"queue.pause ai", "queue.resume ai"}, log)
}

func TestAWaitingJobTellsItsPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, bob := s.user(), s.user()
	end := make(chan struct{})
	s.infer(func(context.Context, *queue.Run) (any, error) { <-end; return nil, nil })
	first := s.ask(ada).JobID
	eventually(t, "running", func() bool { return s.job(ada, first).State == api.Running })
	s.ask(ada)
	third, bobs := s.ask(ada).JobID, s.ask(bob).JobID
	eventually(t, "at the limit", func() bool {
		return s.job(ada, third).Waiting.Cause == "limit" && s.job(bob, bobs).Waiting.Cause == "limit"
	})
	require.EqualValues(t, 1, *s.job(bob, bobs).Waiting.Position, "he has not had a turn yet")
	w := s.job(ada, third).Waiting
	require.EqualValues(t, 3, *w.Position)
	require.EqualValues(t, 2, *w.Ahead)
	require.Nil(t, w.AtLeast)
	require.Equal(t, "1 of at most 1 jobs of this kind for tiny:latest run at once; 2 jobs are before it.", w.Detail)
	close(end)
	eventually(t, "succeeded", func() bool { return s.job(ada, third).State == api.Succeeded })
}

func TestAnAdminSeesWorkersAndAnybodysJobs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root, ada, bob := s.admin(), s.user(), s.user()
	end := make(chan struct{})
	s.infer(func(ctx context.Context, _ *queue.Run) (any, error) {
		select {
		case <-end:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	})
	defer close(end)
	id := s.ask(ada).JobID
	eventually(t, "running", func() bool { return s.job(ada, id).State == api.Running })
	bobs := s.ask(bob).JobID

	var workers api.WorkerList
	s.send(request{path: "/api/admin/workers", as: &root}).want(http.StatusOK).into(&workers)
	require.Len(t, workers.Items, 1)
	require.Equal(t, map[string]int{"ai": 1}, workers.Items[0].Queues)
	require.Equal(t, id, workers.Items[0].Running[0].ID)
	require.WithinDuration(t, time.Now(), workers.Items[0].HeartbeatAt, patience)

	list := func(query string) (ids []uuid.UUID) {
		var page api.AdminJobPage
		s.send(request{path: "/api/admin/jobs" + query, as: &root}).want(http.StatusOK).into(&page)
		for _, job := range page.Items {
			ids = append(ids, job.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{bobs, id}, list(""))
	require.Equal(t, []uuid.UUID{id}, list("?state=running&kind=ai:infer&queue=ai&owner="+ada.id.String()))
	require.Empty(t, list("?queue=files"))
	require.Equal(t, []uuid.UUID{id}, list("?before="+bobs.String()))

	var job api.AdminJob
	path := "/api/admin/jobs/" + id.String()
	s.send(request{path: path, as: &root}).want(http.StatusOK).into(&job)
	require.Equal(t, ada.id, job.Owner)
	require.Contains(t, string(job.Args), "query_id")
	require.Equal(t, workers.Items[0].ID, *job.WorkerID)
	s.send(request{method: "DELETE", path: path, as: &root}).want(http.StatusOK).into(&job)
	require.Equal(t, api.Cancelled, job.State)
	s.send(request{method: "POST", path: path + "/discard", as: &root}).problem(409, "job_state")
	s.send(request{method: "POST", path: path + "/retry", as: &root}).want(http.StatusAccepted).into(&job)
	require.Equal(t, api.Queued, job.State)
	s.exec(`UPDATE jobs SET state = 'failed', finished_at = now(), error_code = 'invalid' WHERE id = $1`, bobs)
	s.send(request{method: "POST", path: "/api/admin/jobs/" + bobs.String() + "/discard", as: &root}).want(http.StatusOK).into(&job)
	require.NotNil(t, job.DiscardedAt)
}

func TestAnAdminSeesHowManyWorkersThereShouldBe(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root, ada := s.admin(), s.user()
	s.send(request{path: "/api/admin/scaling", as: &ada}).problem(http.StatusForbidden, "forbidden")
	var got api.Scaling
	s.send(request{path: "/api/admin/scaling", as: &root}).want(http.StatusOK).into(&got)
	require.Equal(t, api.Scaling{WindowSeconds: 300, Items: []api.WorkerGroup{}}, got)
	s.ask(ada)
	require.NoError(t, scaling.NewAdviser(s.scaling, s.engine).Advise(t.Context()))
	s.send(request{path: "/api/admin/scaling", as: &root}).want(http.StatusOK).into(&got)
	require.WithinDuration(t, time.Now(), *got.At, patience)
	require.Len(t, got.Items, 4)
	require.Equal(t, "worker-ai", got.Items[0].Group)
	require.Equal(t, []string{"ai"}, got.Items[0].Queues)
	require.Equal(t, 1, got.Items[0].Desired)
	require.Contains(t, got.Items[0].Reason, "1 job waits up to ")
}

func TestAnAdminDealsWithDeadLettersByCause(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root, ada := s.admin(), s.user()
	s.infer(func(context.Context, *queue.Run) (any, error) {
		return nil, fault.New(fault.Invalid, "That was no question.")
	})
	for range 3 {
		id := s.ask(ada).JobID
		eventually(t, "failed", func() bool { return s.job(ada, id).State == api.Failed })
	}
	s.deadLetterWorker()
	groups := func() []api.DeadLetterGroup {
		var list api.DeadLetterGroupList
		s.send(request{path: "/api/admin/dead-letters", as: &root}).want(http.StatusOK).into(&list)
		return list.Items
	}
	require.Len(t, groups(), 1)
	require.EqualValues(t, 3, groups()[0].Count)
	require.Equal(t, "That was no question.", groups()[0].Message)
	var page api.AdminJobPage
	s.send(request{path: "/api/admin/dead-letters/jobs?kind=ai:infer&code=invalid&q=NO+question&limit=2", as: &root}).
		want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 2)
	require.Equal(t, groups()[0].JobID, page.Items[0].ID)
	require.NotNil(t, page.Next)

	bulk := func(what, body string) *answer {
		r := send("/api/admin/dead-letters/"+what, body).by(&root)
		return s.send(r.with("Idempotency-Key", "once-"+what))
	}
	var count api.DeadLetterCount
	bulk("retry", `{"dry_run":true,"kind":"ai:infer"}`).want(http.StatusOK).into(&count)
	require.Equal(t, api.DeadLetterCount{DryRun: true, Count: 3}, count)
	ended := func(job api.JobAccepted) (p deadletter.Progress) {
		eventually(t, "succeeded", func() bool { return s.job(root, job.JobID).State == api.Succeeded })
		(&answer{t: t, body: s.job(root, job.JobID).Result}).into(&p)
		return p
	}
	var job, again api.JobAccepted
	bulk("retry", `{"dry_run":false,"kind":"ai:infer","rate":100}`).want(http.StatusAccepted).into(&job)
	bulk("retry", `{"dry_run":false,"kind":"ai:infer","rate":100}`).want(http.StatusAccepted).into(&again)
	require.Equal(t, job, again)
	bulk("retry", `{"dry_run":false,"kind":"ai:infer","rate":99}`).problem(422, "idempotency_mismatch")
	require.EqualValues(t, 3, ended(job).Retried)
	eventually(t, "dead again", func() bool { return len(groups()) == 1 && groups()[0].Count == 3 })

	bulk("discard", fmt.Sprintf(`{"dry_run":false,"ids":["%s"]}`, page.Items[0].ID)).want(http.StatusAccepted).into(&job)
	require.EqualValues(t, 1, ended(job).Discarded)
	require.EqualValues(t, 2, groups()[0].Count)
	require.EqualValues(t, 2, s.queue(root, "ai").Dead)
	require.EqualValues(t, 3, s.queue(root, "ai").FailedDay)
	require.Equal(t, api.Failed, s.job(ada, page.Items[0].ID).State, "it is on record")
	s.send(request{method: "POST", path: "/api/jobs/" + page.Items[0].ID.String() + "/retry", as: &ada}).want(http.StatusAccepted)
}

// deadLetterWorker runs the jobs that deal with many dead letters.
func (s *site) deadLetterWorker() {
	s.t.Helper()
	many := deadletter.New(s.pool, s.engine)
	mux := queue.NewMux()
	queue.Handle(mux, tasks.RetryDead, many.Retry)
	queue.Handle(mux, tasks.DiscardDead, many.Discard)
	runner := queue.NewRunner(s.engine, mux, queue.RunnerConfig{
		Queues: map[string]int{tasks.Maintenance: 1}, Poll: 5 * time.Millisecond, Grace: 100 * time.Millisecond})
	require.NoError(s.t, runner.Start(s.t.Context()))
	s.t.Cleanup(func() { _ = runner.Stop(context.Background()) })
}
