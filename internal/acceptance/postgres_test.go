package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/tasks"
)

// answerWithin is how long a request may take at most while PostgreSQL is away: it must not hang.
const answerWithin = 10 * time.Second

func TestARestartOfPostgreSQLIsSeenAsUnavailableAndLosesNothing(t *testing.T) {
	t.Parallel()
	slow := slowModel(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	pg, err := stacktest.Own(t).StartPostgres(ctx, devstack.PostgresOptions{Durable: true})
	require.NoError(t, err)
	p := openOn(t, pg.URL(), settings{"AI_MAX_TOKENS": "400"})
	p.command(nil, "migrate")
	scanner := p.scanner()
	site, scheduler, worker := p.api(), p.scheduler(), p.worker()
	u := join(t, site)

	// Given jobs that run, and clients that go on as if nothing were
	scanner.freeze()
	for n := range 10 {
		u.uploaded(fmt.Sprintf("note-%d.txt", n), []byte("a note"))
	}
	asked := u.ask(slow, "Tell me a story.")
	f := u.listen(asked.EventsURL, "")
	f.Until(isToken)
	reading, asking := &visitor{user: u, method: http.MethodGet, path: "/api/jobs?limit=1"},
		&visitor{user: u, method: http.MethodPost, path: "/api/ai/query", body: api.Question{Prompt: "Hello"}}
	visiting, leave := context.WithCancel(t.Context())
	var visits sync.WaitGroup
	for _, v := range []*visitor{reading, asking} {
		visits.Go(func() { v.visit(visiting) })
	}
	defer visits.Wait()
	defer leave()
	eventually(t, func() bool { return reading.served.Load() > 0 && asking.served.Load() > 0 }, "clients should be served")

	// When PostgreSQL stops, the scanner has its verdicts and the model its answer, and it starts again
	require.NoError(t, pg.Stop(ctx))
	scanner.thaw()
	eventually(t, func() bool { return reading.refused.Load() > 1 && asking.refused.Load() > 1 }, "clients should be refused")
	u.get("/healthz").want(http.StatusOK)
	u.get("/readyz").want(http.StatusServiceUnavailable)
	require.NoError(t, pg.Start(ctx))
	back := time.Now()
	r, a := reading.served.Load(), asking.served.Load()
	eventually(t, func() bool { return reading.served.Load() > r && asking.served.Load() > a }, "clients should be served again")
	served := time.Since(back)
	leave()
	visits.Wait()

	// Then nobody has seen an error, nobody has waited for long, and everything that was taken ends
	for _, v := range []*visitor{reading, asking} {
		require.Empty(t, v.wrong)
		t.Logf("%s %s: %d served, %d refused, the slowest in %.2f s", v.method, v.path, v.served.Load(), v.refused.Load(),
			v.slowest.Seconds())
		require.Less(t, v.slowest, answerWithin)
	}
	scans, answers := u.settled(tasks.Scan.Name), u.jobs(tasks.Infer.Name)
	t.Logf("served again %.1f s after the start, all jobs over after %.1f s", served.Seconds(), time.Since(back).Seconds())
	require.Len(t, scans, 10)
	found := map[uuid.UUID]bool{}
	for _, job := range append(scans, answers...) {
		require.EqualValues(t, "succeeded", job.State, "%+v", job.Error)
		found[job.ID] = true
	}
	for _, id := range append(asking.jobs, asked.JobID) {
		require.True(t, found[id], "a job that was answered with 202 is there")
	}
	require.Equal(t, u.answered(asked.JobID).Answer, text(t, u.listen(asked.EventsURL, "").Rest()))
	for _, c := range []*child{site, scheduler, worker} {
		require.True(t, c.running(), "%s lives through it", c.name)
	}
}

// visitor sends the same request again and again. What is not atomic is for reading once visit has returned.
type visitor struct {
	user
	method, path string
	body         any

	served, refused atomic.Int64
	wrong           []string // answers that must not be
	slowest         time.Duration
	jobs            []uuid.UUID
}

func (v *visitor) visit(ctx context.Context) {
	raw, _ := json.Marshal(v.body) // of strings
	for ctx.Err() == nil {
		a, err := v.try(v.method, v.path, bytes.NewReader(raw), "Content-Type", "application/json")
		if err != nil {
			v.wrong = append(v.wrong, err.Error())
			return
		}
		v.slowest = max(v.slowest, a.took)
		var accepted struct {
			JobID uuid.UUID `json:"job_id"`
			Code  string
		}
		err = json.Unmarshal(a.body, &accepted)
		switch {
		case err != nil:
			v.wrong = append(v.wrong, fmt.Sprintf("%d %s", a.status, a.body))
		case a.status == http.StatusOK:
			v.served.Add(1)
		case a.status == http.StatusAccepted:
			v.jobs = append(v.jobs, accepted.JobID)
			v.served.Add(1)
		case a.status == http.StatusServiceUnavailable && accepted.Code == "unavailable" &&
			a.header.Get("Content-Type") == "application/problem+json":
			v.refused.Add(1)
		default:
			v.wrong = append(v.wrong, fmt.Sprintf("%d %s", a.status, a.body))
		}
		select {
		case <-ctx.Done():
		case <-time.After(look):
		}
	}
}
