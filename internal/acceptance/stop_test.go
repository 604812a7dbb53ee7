package acceptance

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/ai"
	"rohrpost/internal/devstack/stacktest"
)

func TestAWorkerThatIsToldToStopHandsItsJobOn(t *testing.T) {
	t.Parallel()
	slow := slowModel(t)
	p := open(t, settings{"AI_MAX_TOKENS": "1000", "WORKER_GRACE": "500ms"})
	api := p.api()
	p.scheduler()
	first := p.worker()
	u := join(t, api)
	asked := u.ask(slow, "Tell me a long story.")
	f := u.listen(asked.EventsURL, "")
	run := f.runs(0)
	f.Until(isToken)

	p.worker()
	told := time.Now()
	first.signal(syscall.SIGTERM)
	code := first.exit(10 * time.Second)
	ended := time.Since(told)
	f.runs(run)
	again := time.Since(told)
	t.Logf("after SIGTERM, with a grace of 0.5 s: exit after %.1f s, running elsewhere after %.1f s",
		ended.Seconds(), again.Seconds())
	require.Zero(t, code)
	require.Less(t, ended, 5*time.Second)
	require.Less(t, again, 5*time.Second, "this is no case for the reaper")

	whole := text(t, f.Rest())
	result := u.answered(asked.JobID)
	require.Equal(t, ai.Length, result.FinishReason)
	require.Equal(t, result.Answer, whole)
	job := u.job(asked.JobID)
	require.EqualValues(t, 1, job.Attempt, "it costs no attempt")
	require.Zero(t, job.Crashes)
}

func TestAnAPIThatIsToldToStopEndsAtOnce(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	a, b := p.api(), p.api()
	p.scheduler()
	u := join(t, a)
	asked := u.ask(stacktest.ModelSay, "There is no worker yet.")
	job, all := u.listen(asked.EventsURL, ""), u.listen("/api/events", "")
	job.Next()

	told := time.Now()
	a.signal(syscall.SIGTERM)
	code := a.exit(10 * time.Second)
	ended := time.Since(told)
	t.Logf("an api with open streams ends %d ms after SIGTERM", ended.Milliseconds())
	require.Zero(t, code)
	require.Less(t, ended, 2*time.Second)

	// Its readers see an end and go on at the other one
	job.Rest()
	all.Rest()
	p.worker()
	events := u.at(b).listen(asked.EventsURL, job.Last).Rest()
	require.Equal(t, "result", events[len(events)-1].Type)
	require.Equal(t, stacktest.SayText, text(t, events))
	_, err := u.try(http.MethodGet, "/healthz", nil)
	require.Error(t, err)
}
