package acceptance

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/tuning/tuningtest"
	"rohrpost/tasks"
)

// exported is a dataset of the admin's that a model can be tuned with. A worker has to run.
func (p *place) exported(admin user) uuid.UUID {
	p.t.Helper()
	c := p.connect()
	for i := range 60 {
		_, err := c.Exec(p.t.Context(), `INSERT INTO ai_queries (id, owner, job_id, model, prompt, answer, finish_reason)
			SELECT gen_random_uuid(), id, gen_random_uuid(), 'tiny', $1, 'It arrives.', 'stop' FROM users WHERE role = 'admin'`,
			fmt.Sprintf("What becomes of letter %d?", i))
		require.NoError(p.t, err)
	}
	var made api.DatasetAccepted
	admin.post("/api/ai/datasets", map[string]any{"format": "chat", "scope": "mine"}).want(http.StatusAccepted).into(&made)
	require.Equal(p.t, api.Succeeded, admin.ended(made.JobID).State)
	return made.ID
}

// The service has accepted what the worker did not live to put on record; the next one looks before it asks again.
func TestATuningWhoseWorkersAreKilledIsUploadedAndStartedOnce(t *testing.T) {
	t.Parallel()
	service := tuningtest.New(t)
	p := open(t, settings{
		"TUNING_URL": service.URL(), "TUNING_API_KEY": tuningtest.Key, "TUNING_SETTLE": "1s",
		"TUNING_POLL_MIN": "100ms", "TUNING_POLL_MAX": "200ms",
	})
	at := p.api()
	p.scheduler()
	admin := p.admin(t, at)
	first := p.worker()
	dataset := p.exported(admin)

	// Given a worker in the middle of the upload, which is killed
	held := make(chan struct{})
	service.Fail(tuningtest.Upload, tuningtest.Fault{Hold: held})
	var tuning api.TuningAccepted
	admin.post("/api/admin/tunings", map[string]any{"dataset_id": dataset, "base_model": tuningtest.Base}).
		want(http.StatusAccepted).into(&tuning)
	require.True(t, service.Await(tuningtest.Upload, 1, patience))
	pause := make(chan struct{})
	service.Fail(tuningtest.CreateJob, tuningtest.Fault{Pause: pause})
	first.kill()
	close(held)

	// And one that the service has answered, and that is killed before it can put that on record
	second := p.worker()
	require.True(t, service.Await(tuningtest.CreateJob, 1, patience))
	noRecord := p.lock("tunings IN SHARE MODE")
	close(pause)
	p.waitFor("tunings", 1)
	require.Len(t, service.Jobs(), 1)
	second.kill()
	noRecord.release()

	// Then a third goes on with what there is
	service.Auto("running", "running", "succeeded")
	p.worker()
	done := p.done(tasks.Tune.Name)
	require.Equal(t, 2, done.Crashes)
	require.Len(t, service.Jobs(), 1)
	require.Len(t, service.Files(), 2)
	p.done(tasks.EndTuning.Name)
	for _, file := range service.Files() {
		require.True(t, file.Deleted)
	}
	var one api.Tuning
	admin.get("/api/admin/tunings/" + tuning.ID.String()).want(http.StatusOK).into(&one)
	require.Equal(t, service.Jobs()[0].FineTuned, *one.Model)
	service.Speak(tuningtest.Speech{Pieces: []string{"It ", "arrives."}})
	require.Equal(t, "It arrives.", admin.answered(admin.ask(*one.Model, "What becomes of it?").JobID).Answer)
	messages := map[string]int{}
	for _, e := range *one.Events {
		messages[e.ID]++
	}
	require.Len(t, messages, int(one.EventCount))
}

// slowAnswers is a way to a model server on which the answer to making a model begins, and goes on when it is let go.
func slowAnswers(t testing.TB, server string) (address string, began <-chan struct{}, goOn func()) {
	t.Helper()
	base, err := url.Parse(server)
	require.NoError(t, err)
	first, held := make(chan struct{}, 8), make(chan struct{})
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(base) },
		ModifyResponse: func(res *http.Response) error {
			if res.Request.URL.Path == "/api/create" {
				first <- struct{}{}
				select {
				case <-held:
				case <-res.Request.Context().Done():
				}
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(func() { front.Close(); transport.CloseIdleConnections() })
	return front.URL, first, sync.OnceFunc(func() { close(held) })
}

func TestAModelWhoseMakersAreKilledIsMadeOnceAndAnswers(t *testing.T) {
	t.Parallel()
	server, began, goOn := slowAnswers(t, stacktest.Ollama(t).URL())
	p := open(t, settings{"OLLAMA_HOST": server})
	at := p.api()
	p.scheduler()
	admin := p.admin(t, at)

	// Given a worker that the model server has begun to answer, which is killed
	first := p.worker()
	var made api.ModelAccepted
	admin.post("/api/admin/models", map[string]any{
		"name": "survivor", "base": stacktest.ModelSay, "system": "You survive.", "parameters": map[string]any{"stop": []string{"says"}},
	}).want(http.StatusAccepted).into(&made)
	live := admin.listen(made.EventsURL, "")
	var list api.ModelList
	admin.get("/api/ai/models").want(http.StatusOK).into(&list)
	select {
	case <-began:
	case <-time.After(patience):
		t.Fatal("the model is not being made")
	}
	first.kill()
	goOn()

	// And one that is killed when the server is done, before that is on record
	noRecord := p.lock("models IN SHARE MODE")
	second := p.worker()
	p.waitFor("models", 1)
	second.kill()
	noRecord.release()

	// Then a third makes it again, which leaves one, and whoever listened all the while has seen it
	p.worker()
	require.Equal(t, 2, p.done(tasks.MakeModel.Name).Crashes)
	told := live.Rest()
	require.Equal(t, "result", told[len(told)-1].Type)
	require.True(t, slices.ContainsFunc(told, func(e event) bool {
		return e.Type == "progress" && strings.Contains(e.Data, `"phase":"success"`)
	}))
	admin.get("/api/ai/models").want(http.StatusOK).into(&list)
	own := slices.DeleteFunc(list.Items, func(m api.Model) bool { return m.State == nil })
	require.Len(t, own, 1)
	require.Equal(t, []any{"survivor:latest", "ready", true}, []any{own[0].Name, *own[0].State, own[0].Available})
	before, _, _ := strings.Cut(stacktest.SayText, "says")
	require.Equal(t, before, admin.answered(admin.ask("survivor", "Hello?").JobID).Answer)

	// And when it is deleted, nobody is offered it any more
	admin.delete("/api/admin/models/survivor").want(http.StatusAccepted)
	p.done(tasks.DeleteModel.Name)
	eventually(t, func() bool { // the server's word is believed for seconds
		admin.get("/api/ai/models").want(http.StatusOK).into(&list)
		return !slices.ContainsFunc(list.Items, func(m api.Model) bool { return m.Name == "survivor:latest" })
	}, "the model should be gone")
}
