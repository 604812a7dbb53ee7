package acceptance

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/internal/tracing/tracetest"
	"rohrpost/tasks"
)

// observed is a place whose processes send their spans to a collector.
func observed(t testing.TB, more settings) (*place, *tracetest.Collector) {
	t.Helper()
	collector := tracetest.New(t)
	all := settings{"OTEL_EXPORTER_OTLP_ENDPOINT": collector.URL, "OTEL_BSP_SCHEDULE_DELAY": "50"}
	maps.Copy(all, more)
	return open(t, all), collector
}

// story is the spans of one trace.
type story struct {
	t     testing.TB
	spans []tracetest.Span
}

// told waits until a trace has as many spans of a name and a kind of job as are wanted, and returns all of it.
func told(t testing.TB, c *tracetest.Collector, trace *string, name, kind string, n int) story {
	t.Helper()
	require.NotNil(t, trace, "the job names its trace")
	var s story
	eventually(t, func() bool {
		s = story{t, c.Spans(*trace)}
		return len(s.all(name, kind)) >= n
	}, "%d spans %s of %s in %s", n, name, kind, *trace)
	return s
}

func (s story) all(name, kind string) (found []tracetest.Span) {
	for _, span := range s.spans {
		if span.Name == name && (kind == "" || span.Attributes["rohrpost.job.kind"] == kind) {
			found = append(found, span)
		}
	}
	return found
}

// the is the only span of its name and kind.
func (s story) the(name, kind string) tracetest.Span {
	s.t.Helper()
	found := s.all(name, kind)
	require.Len(s.t, found, 1, "%s of %s among %s", name, kind, s.names())
	return found[0]
}

func (s story) names() (names []string) {
	for _, span := range s.spans {
		names = append(names, span.Service+" "+span.Name)
	}
	return names
}

// under are the names of the spans below one, at any depth.
func (s story) under(top tracetest.Span) (names []string) {
	parents := map[string]string{}
	for _, span := range s.spans {
		parents[span.ID] = span.Parent
	}
	for _, span := range s.spans {
		for at := span.Parent; at != ""; at = parents[at] {
			if at == top.ID {
				names = append(names, span.Name)
			}
		}
	}
	return names
}

// silent checks that no span tells what is nobody's business.
func (s story) silent(secrets ...string) {
	s.t.Helper()
	for _, span := range s.spans {
		for _, secret := range secrets {
			require.NotContains(s.t, span.Raw, secret)
		}
	}
}

func TestOneTraceTellsTheStoryOfAnUpload(t *testing.T) {
	t.Parallel()
	p, collector := observed(t, nil)
	a, w := p.api(), p.worker()
	u := join(t, a)
	// Given a picture that was uploaded, scanned and made smaller, and somebody who followed its scan
	up := u.uploaded("holiday-secret.jpg", imagetest.Encoded(t, "jpeg", imagetest.Halves(600, 400)))
	u.listen("/api/jobs/"+up.JobID.String()+"/events", "").Rest()
	scan := u.ended(up.JobID)
	require.Len(t, u.settled(tasks.Thumbnail.Name), 1)
	told(t, collector, scan.TraceID, "deliver events", "", 1)
	s := told(t, collector, scan.TraceID, "process files", tasks.Thumbnail.Name, 1)

	// Then the request is the beginning, and the bytes and the job are below it
	request := s.the("POST /api/files", "")
	require.Empty(t, request.Parent)
	require.Equal(t, "SERVER", request.Kind)
	require.Equal(t, "rohrpost-api", request.Service)
	require.Equal(t, "202", request.Attributes["http.response.status_code"])
	require.Subset(t, s.under(request), []string{"storage put", "AddJob InsertFile"})
	created := s.the("create files", tasks.Scan.Name)
	require.Equal(t, "PRODUCER", created.Kind)
	require.Equal(t, request.ID, created.Parent)
	// and the worker's attempt goes on from there, with what it asked of others
	process := s.the("process files", tasks.Scan.Name)
	require.Equal(t, "CONSUMER", process.Kind)
	require.Equal(t, "rohrpost-worker", process.Service)
	require.Equal(t, created.ID, process.Parent)
	require.Equal(t, []string{created.ID}, process.Links)
	require.Equal(t, up.JobID.String(), process.Attributes["messaging.message.id"])
	require.Equal(t, "succeeded", process.Attributes["rohrpost.job.outcome"])
	require.Equal(t, created.ID, s.the("send files", tasks.Scan.Name).Parent)
	require.Equal(t, created.ID, s.the("wait files", tasks.Scan.Name).Parent)
	require.Subset(t, s.under(process), []string{"storage open", "clamd scan", "publish events", "create files"})
	require.Equal(t, []string{"claimed"}, process.Events)
	// and the next job from that
	next := s.the("create files", tasks.Thumbnail.Name)
	require.Contains(t, s.under(process), next.Name)
	require.Equal(t, next.ID, s.the("process files", tasks.Thumbnail.Name).Parent)
	require.Equal(t, scan.TraceID, u.jobs(tasks.Thumbnail.Name)[0].TraceID)
	// and its reader heard the end of it
	heard := s.the("deliver events", "")
	require.Equal(t, created.ID, heard.Parent)
	require.Contains(t, heard.Events, "result")
	require.Len(t, heard.Links, 1)
	s.silent("holiday", u.email, u.token, "127.0.0.1", p.storage)
	// and the logs of both name the trace
	for _, process := range []*child{a, w} {
		require.NotContains(t, string(process.log.tail()), "traces not sent")
	}
	require.True(t, a.log.has(`"trace_id":"`+*scan.TraceID+`"`))
}

func TestOneTraceTellsTheStoryOfAnAnswerAlsoWhenItTookTwoAttempts(t *testing.T) {
	t.Parallel()
	// Given a model server that refuses the first question
	target, err := url.Parse(stacktest.Ollama(t).URL())
	require.NoError(t, err)
	var asked atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/chat") && asked.Add(1) == 1 {
			http.Error(w, `{"error":"busy"}`, http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	p, collector := observed(t, settings{"OLLAMA_HOST": front.URL, "QUEUE_RETRY_BASE": "50ms"})
	a := p.api()
	p.scheduler()
	p.worker()
	u := join(t, a)
	// When somebody asks, and listens in the same call
	events := u.listen("/api/ai/stream?prompt=my-secret-question", "").Rest()
	require.Equal(t, "[DONE]", events[len(events)-1].Data)
	var accepted api.QuestionAccepted
	events[0].Into(t, &accepted)
	job := u.ended(accepted.JobID)
	require.EqualValues(t, 2, job.Attempt)
	told(t, collector, job.TraceID, "deliver events", "", 1)
	s := told(t, collector, job.TraceID, "process ai", tasks.Infer.Name, 2)

	// Then both attempts are in the trace of the request, side by side
	created := s.the("create ai", tasks.Infer.Name)
	require.Equal(t, s.the("GET /api/ai/stream", "").ID, created.Parent)
	attempts := s.all("process ai", tasks.Infer.Name)
	require.Len(t, attempts, 2)
	outcomes := map[string]tracetest.Span{}
	for _, attempt := range attempts {
		require.Equal(t, created.ID, attempt.Parent)
		require.Contains(t, s.under(attempt), "chat")
		outcomes[attempt.Attributes["rohrpost.job.outcome"]] = attempt
	}
	require.ElementsMatch(t, []string{"retried", "succeeded"}, slices.Collect(maps.Keys(outcomes)))
	require.True(t, outcomes["retried"].Failed)
	require.Equal(t, "unavailable", outcomes["retried"].Attributes["error.type"])
	require.False(t, outcomes["succeeded"].Failed)
	require.Contains(t, s.under(outcomes["retried"]), "RetryJobLater", "how it was put on record")
	require.Contains(t, s.under(outcomes["succeeded"]), "FinishAIQuery")
	require.Contains(t, s.the("deliver events", "").Events, "result")
	s.silent("my-secret-question", stacktest.SayText, u.email)
}

func TestATraceGoesOnWhenItsWorkerIsKilled(t *testing.T) {
	t.Parallel()
	slow := slowModel(t)
	p, collector := observed(t, settings{"AI_MAX_TOKENS": "100"})
	a := p.api()
	p.scheduler()
	first := p.worker()
	u := join(t, a)
	// Given an answer that is being written when its worker is killed
	asked := u.ask(slow, "Tell me a long story.")
	answer := u.listen(asked.EventsURL, "")
	answer.Until(isToken)
	p.worker()
	first.kill()
	answer.Rest()
	job := u.ended(asked.JobID)
	require.EqualValues(t, 1, job.Crashes)
	told(t, collector, job.TraceID, "crash ai", tasks.Infer.Name, 1)
	told(t, collector, job.TraceID, "deliver events", "", 1)
	s := told(t, collector, job.TraceID, "process ai", tasks.Infer.Name, 1)

	// Then the attempt that nobody could tell of has left a mark, and the next one is in the same trace
	created := s.the("create ai", tasks.Infer.Name)
	require.Equal(t, s.the("POST /api/ai/query", "").ID, created.Parent)
	crash := s.the("crash ai", tasks.Infer.Name)
	require.Equal(t, "rohrpost-scheduler", crash.Service)
	require.Equal(t, created.ID, crash.Parent)
	require.True(t, crash.Failed)
	process := s.the("process ai", tasks.Infer.Name)
	require.Equal(t, created.ID, process.Parent)
	require.Equal(t, "succeeded", process.Attributes["rohrpost.job.outcome"])
	require.Equal(t, "2", process.Attributes["rohrpost.job.epoch"])
	require.Equal(t, created.ID, s.the("deliver events", "").Parent)
}

func TestAProblemNamesItsTrace(t *testing.T) {
	t.Parallel()
	p, collector := observed(t, nil)
	u := join(t, p.api())
	const caller = "0af7651916cd43dd8448eb211c80319c"
	refused := u.send(http.MethodGet, "/api/jobs/none", nil, "traceparent", "00-"+caller+"-b7ad6b7169203331-01")
	refused.problem(http.StatusBadRequest, "invalid")
	var problem api.Problem
	refused.into(&problem)
	require.Equal(t, caller, *problem.TraceID, "the caller's trace goes on")
	s := told(t, collector, problem.TraceID, "GET /api/jobs/:id", "", 1)
	require.Equal(t, "b7ad6b7169203331", s.the("GET /api/jobs/:id", "").Parent)
}
