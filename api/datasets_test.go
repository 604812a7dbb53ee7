package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/datasets"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// exports runs the jobs of datasets until the test ends.
func (h *house) exports() {
	h.t.Helper()
	s, err := datasets.New(h.pool, h.bucket, datasets.Config{}, slog.New(slog.DiscardHandler))
	require.NoError(h.t, err)
	mux := queue.NewMux()
	queue.Handle(mux, tasks.Export, s.Export)
	queue.Handle(mux, tasks.PurgeDataset, s.Purge)
	runner := queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: map[string]int{tasks.Reports: 1, tasks.Maintenance: 1}, Poll: 5 * time.Millisecond, Grace: 100 * time.Millisecond})
	require.NoError(h.t, runner.Start(h.t.Context()))
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(h.t, runner.Stop(ctx))
	})
}

// talked puts an answered question of somebody on record, and returns its job.
func (h *house) talked(u user, prompt, answer string) uuid.UUID {
	h.t.Helper()
	job := uuid.New()
	h.exec(`INSERT INTO ai_queries (id, owner, job_id, model, prompt, answer, finish_reason, finished_at)
		VALUES (gen_random_uuid(), $1, $2, 'tiny', $3, $4, 'stop', now())`, u.id, job, prompt, answer)
	return job
}

func (s *site) dataset(u user, id uuid.UUID, state string) (d api.Dataset) {
	s.t.Helper()
	eventually(s.t, "the dataset should be "+state, func() bool {
		s.send(request{path: "/api/ai/datasets/" + id.String(), as: &u}).want(http.StatusOK).into(&d)
		return d.State == state
	})
	return d
}

func TestSomebodyExportsTheirConversationsAndFetchesThem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, bob := s.user(), s.user()
	s.talked(ada, "Who is ada@example.org?", "Me.")
	s.talked(bob, "Who?", "Bob.")

	ask := send("/api/ai/datasets", `{"format":"chat","scope":"mine","from":"2026-01-01T01:00:00+01:00","validation_share":0}`).by(&ada)
	var made api.DatasetAccepted
	first := s.send(ask.with("Idempotency-Key", "k")).want(http.StatusAccepted)
	first.into(&made)
	require.Equal(t, "/api/ai/datasets/"+made.ID.String(), first.header.Get("Location"))
	require.Equal(t, "ai:export", s.job(ada, made.JobID).Kind)
	require.Equal(t, first.body, s.send(ask.with("Idempotency-Key", "k")).want(http.StatusAccepted).body)
	other := send("/api/ai/datasets", `{"format":"chat","scope":"mine"}`).by(&ada)
	s.send(other.with("Idempotency-Key", "k")).problem(422, "idempotency_mismatch")
	require.Equal(t, 1, s.count(`SELECT count(*) FROM datasets`))

	building := s.dataset(ada, made.ID, "building")
	require.Equal(t, "2026-01-01T00:00:00Z", building.From.Format(time.RFC3339))
	require.True(t, building.Redact)
	require.Empty(t, building.Files)
	train := "/api/ai/datasets/" + made.ID.String() + "/files/train.jsonl"
	s.send(request{path: train, as: &ada}).problem(409, "dataset_not_ready")

	s.exports()
	ready := s.dataset(ada, made.ID, "ready")
	require.EqualValues(t, 1, ready.Counts.Train)
	require.EqualValues(t, 1, ready.Counts.Redacted["email"])
	require.Len(t, ready.Files, 3)
	want := `{"messages":[{"role":"user","content":"Who is [EMAIL]?"},{"role":"assistant","content":"Me."}]}` + "\n"
	for _, file := range ready.Files {
		got := s.send(request{path: file.URL, as: &ada}).want(http.StatusOK)
		sum := sha256.Sum256(got.body)
		require.Equal(t, file.Sha256, hex.EncodeToString(sum[:]))
		require.EqualValues(t, file.Size, len(got.body))
		require.Equal(t, file.MediaType, got.header.Get("Content-Type"))
		require.Contains(t, got.header.Get("Content-Disposition"), "attachment; filename="+file.Name)
	}
	whole := s.send(request{path: train, as: &ada})
	require.Equal(t, want, string(whole.body))
	require.Equal(t, "application/jsonl", whole.header.Get("Content-Type"))
	part := s.send(request{path: train, as: &ada}.with("Range", "bytes=2-9")).want(http.StatusPartialContent)
	require.Equal(t, "messages", string(part.body))
	s.send(request{path: train, as: &ada}.with("If-None-Match", whole.header.Get("ETag"))).want(http.StatusNotModified)
	s.send(request{path: train + "x", as: &ada}).problem(404, "not_found")

	for _, r := range []request{{path: train}, {path: "/api/ai/datasets/" + made.ID.String()},
		{method: "DELETE", path: "/api/ai/datasets/" + made.ID.String()}} {
		r.as = &bob
		s.send(r).problem(404, "not_found")
	}
	var page api.DatasetPage
	s.send(request{path: "/api/ai/datasets", as: &bob}).want(http.StatusOK).into(&page)
	require.Empty(t, page.Items)
	s.send(request{path: "/api/ai/datasets?limit=1", as: &ada}).want(http.StatusOK).into(&page)
	require.Equal(t, made.ID, page.Items[0].ID)
	require.Nil(t, page.Next)

	s.send(request{method: "DELETE", path: "/api/ai/datasets/" + made.ID.String(), as: &ada}).want(http.StatusNoContent)
	s.send(request{path: train, as: &ada}).problem(404, "not_found")
	require.Empty(t, s.stored())
}

func TestAnAdminExportsWhatPeopleConsentTo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.exports()
	root, ada, bob := s.admin(), s.user(), s.user()
	s.talked(ada, "ada's", "x")
	s.talked(bob, "bob's", "x")
	consent := func(body string) (c api.TrainingConsent) {
		r := request{path: "/api/me/training-consent", as: &ada}
		if body != "" {
			r.method, r.body, r.media = "PUT", body, "application/json"
		}
		s.send(r).want(http.StatusOK).into(&c)
		return c
	}
	require.Equal(t, api.TrainingConsent{}, consent(""))
	require.True(t, consent(`{"given":true}`).Given)
	require.NotNil(t, consent("").Since)

	export := func() string {
		var made api.DatasetAccepted
		s.send(send("/api/ai/datasets", `{"format":"completion","scope":"everyone","validation_share":0}`).by(&root)).
			want(http.StatusAccepted).into(&made)
		s.dataset(root, made.ID, "ready")
		return string(s.send(request{path: "/api/ai/datasets/" + made.ID.String() + "/files/train.jsonl", as: &root}).body)
	}
	lines := export()
	require.Contains(t, lines, "ada's")
	require.NotContains(t, lines, "bob's")
	require.NotContains(t, lines, ada.id.String())
	require.False(t, consent(`{"given":false}`).Given)
	require.Empty(t, export())
	require.Equal(t, 2, s.count(`SELECT count(*) FROM audit_entries WHERE action = 'dataset.create'`))
}

func TestAnAnswerIsRatedByWhoGotIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, bob := s.user(), s.user()
	job := s.talked(ada, "why?", "because")
	path := "/api/ai/queries/" + job.String()
	rate := func(u user, body string) *answer {
		return s.send(send(path+"/rating", body).by(&u).via("PUT"))
	}
	show := func() (q api.Query) {
		s.send(request{path: path, as: &ada}).want(http.StatusOK).into(&q)
		return q
	}
	q := show()
	require.Equal(t, "because", *q.Answer)
	require.Zero(t, q.Rating)
	for _, rating := range []string{"1", "-1", "0"} {
		rate(ada, `{"rating":`+rating+`}`).want(http.StatusOK)
		require.Equal(t, rating, strings.TrimSpace(s.rating(job)))
	}
	rate(ada, `{"rating":1}`).want(http.StatusOK)
	require.Equal(t, 1, show().Rating)
	rate(bob, `{"rating":-1}`).problem(404, "not_found")
	s.send(request{path: path, as: &bob}).problem(404, "not_found")
	require.Equal(t, 1, show().Rating)
	s.exec(`UPDATE ai_queries SET answer = NULL, finish_reason = NULL`)
	rate(ada, `{"rating":1}`).problem(409, "conflict")
}

// rating is what the record has.
func (h *house) rating(job uuid.UUID) (rating string) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(),
		`SELECT coalesce(rating, 0)::text FROM ai_queries WHERE job_id = $1`, job).Scan(&rating))
	return rating
}
