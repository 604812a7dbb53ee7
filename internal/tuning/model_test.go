package tuning_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/ollama/ollama/api"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/ai"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/internal/tuning"
	"rohrpost/tasks"
)

// make starts making a model, unchecked, and returns its job.
func (h *house) make(r ai.Recipe) (job uuid.UUID) {
	h.t.Helper()
	h.inTx(func(tx pgx.Tx) error {
		_, record, err := h.StartModel(h.ctx(), tx, h.by(), r)
		job = record.ID
		return err
	})
	return job
}

func (h *house) delete(name string) (job uuid.UUID) {
	h.t.Helper()
	h.inTx(func(tx pgx.Tx) error {
		record, err := h.StartDelete(h.ctx(), tx, h.by(), name)
		job = record.ID
		return err
	})
	return job
}

func (h *house) known(name string) (found *tuning.Known) {
	h.t.Helper()
	all, err := h.Catalog(h.ctx())
	require.NoError(h.t, err)
	for _, one := range all {
		if one.Name == name {
			return &one
		}
	}
	return nil
}

func (h *house) has(name string) bool {
	h.t.Helper()
	there, err := h.ai.Has(h.within(), name)
	require.NoError(h.t, err)
	return there
}

// ollamaClient talks to the server past everything of ours.
func ollamaClient(t testing.TB, address string) *api.Client {
	t.Helper()
	base, err := url.Parse(address)
	require.NoError(t, err)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return api.NewClient(base, &http.Client{Transport: transport})
}

func TestAModelIsMadeAskedAndDeleted(t *testing.T) {
	t.Parallel()
	server := stacktest.Ollama(t).URL()
	h := open(t, options{ollama: server})
	recipe := ai.Recipe{
		Name: "postmaster", Base: stacktest.ModelSay, System: "You are the postmaster.",
		Parameters: map[string]any{"temperature": 0.25, "stop": []any{"says"}, "num_ctx": 256.0},
	}
	require.NoError(t, h.CheckModel(h.within(), recipe))
	job := h.make(recipe)
	var made tuning.Made
	h.ended(job, &made)
	require.Equal(t, tuning.Made{Name: "postmaster:latest", Base: stacktest.ModelSay}, made)
	require.Equal(t, []string{"using existing layer", "success"}, h.phases(job))

	shown, err := ollamaClient(t, server).Show(h.within(), &api.ShowRequest{Model: "postmaster"})
	require.NoError(t, err)
	require.Equal(t, "You are the postmaster.", shown.System)
	require.Contains(t, shown.Parameters, "0.25")
	require.Contains(t, shown.Parameters, "256")

	answer := h.ask(ai.Question{Prompt: "Hello?", Model: "postmaster"})
	before, _, _ := strings.Cut(stacktest.SayText, "says")
	require.Equal(t, before, answer.Answer, "it stops where it was told to")

	known := h.known("postmaster:latest")
	require.NotNil(t, known)
	require.Equal(t, []any{ai.Ollama, true, "ready", stacktest.ModelSay},
		[]any{known.Provider, known.Available, known.State, known.Base})
	require.Positive(t, known.Size)
	other := h.known(stacktest.ModelSay + ":latest")
	require.True(t, other.Available)
	require.Empty(t, other.State, "it was not made here")

	require.Equal(t, tuning.Exists, fault.CodeOf(h.CheckModel(h.within(), recipe)))
	h.ended(h.delete("postmaster"), nil)
	require.False(t, h.has("postmaster"))
	require.Nil(t, h.known("postmaster:latest"))
	require.True(t, h.has(stacktest.ModelSay))
	require.Equal(t, 2, h.count(`SELECT count(*) FROM audit_entries WHERE target = 'postmaster:latest'
		AND action IN ('model.create', 'model.delete') AND actor = $1`, h.admin))
}

// phases are those that the job's stream told of, each once.
func (h *house) phases(job uuid.UUID) (phases []string) {
	h.t.Helper()
	sub, err := h.hub.Subscribe(h.within(), stream.Job(job), "")
	require.NoError(h.t, err)
	defer sub.Close()
	for {
		e, err := sub.Next(h.within())
		if err != nil {
			require.ErrorIs(h.t, err, io.EOF)
			return phases
		}
		var data struct{ Progress struct{ Phase string } }
		require.NoError(h.t, json.Unmarshal(e.Data, &data))
		phase := data.Progress.Phase
		if cut, _, found := strings.Cut(phase, " sha256"); found {
			phase = cut
		}
		if e.Type == stream.TypeProgress && (phase == "success" || phase == "using existing layer") &&
			(len(phases) == 0 || phases[len(phases)-1] != phase) {
			phases = append(phases, phase)
		}
	}
}

func TestAModelOfNothingIsToldAndLeavesNothing(t *testing.T) {
	t.Parallel()
	server := stacktest.Ollama(t).URL()
	h := open(t, options{ollama: server})
	recipe := ai.Recipe{Name: "orphan", Base: "nobody:7b"}
	err := h.CheckModel(h.within(), recipe)
	require.Equal(t, ai.ModelNotFound, fault.CodeOf(err))
	require.Contains(t, fault.Message(err), "nobody:7b")

	job := h.make(recipe) // the base went away in between
	failed := h.rests(job, time.Time{})
	require.Equal(t, queue.Failed, failed.State)
	require.Equal(t, string(ai.ModelNotFound), *failed.ErrorCode)
	require.False(t, h.has("orphan"))
	require.Equal(t, "failed", h.known("orphan:latest").State)
	require.False(t, h.known("orphan:latest").Available)

	// Run again once the base is there, it waits for what deletes the leftovers, and then goes through.
	require.NoError(t, ollamaClient(t, server).Copy(h.within(), &api.CopyRequest{Source: stacktest.ModelSay, Destination: "nobody:7b"}))
	t.Cleanup(func() {
		_ = ollamaClient(t, server).Delete(context.Background(), &api.DeleteRequest{Model: "nobody:7b"})
	})
	_, err = h.engine.Rerun(t.Context(), job, h.admin)
	require.NoError(t, err)
	h.eventually("it waits", func() bool {
		began := h.job(job).StartedAt
		return began != nil && began.After(*failed.StartedAt)
	})
	require.False(t, h.has("orphan"))
	h.exec(`UPDATE jobs SET run_at = now() WHERE kind = $1`, tasks.DeleteModel.Name)
	h.engine.Wake("ai")
	h.ended(job, nil)
	require.True(t, h.has("orphan"))
	require.Equal(t, "ready", h.known("orphan:latest").State)
	h.ended(h.delete("orphan:latest"), nil)
}

func TestAModelOfSomebodyElseIsNeitherOverwrittenNorDeleted(t *testing.T) {
	t.Parallel()
	h := open(t, options{ollama: stacktest.Ollama(t).URL()})
	err := h.CheckModel(h.within(), ai.Recipe{Name: stacktest.ModelMarkov, Base: stacktest.ModelSay})
	require.Equal(t, tuning.Exists, fault.CodeOf(err))
	err = pgx.BeginFunc(t.Context(), h.pool, func(tx pgx.Tx) error {
		_, err := h.StartDelete(t.Context(), tx, h.by(), stacktest.ModelMarkov)
		return err
	})
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestAWorkerThatDiesWhileItMakesAModelIsFollowedByOneThatMakesItAgain(t *testing.T) {
	t.Parallel()
	h := open(t, options{ollama: stacktest.Ollama(t).URL()})
	job := h.make(ai.Recipe{Name: "again", Base: stacktest.ModelSay, System: "Once."})
	h.ended(job, nil)
	// As if it had died after the server was done and before that was on record.
	h.exec(`UPDATE models SET state = 'creating' WHERE name = 'again:latest'`)
	h.exec(`UPDATE jobs SET state = 'queued', epoch = epoch + 1, finished_at = NULL, result = NULL, dispatched_at = NULL
		WHERE id = $1`, job)
	h.engine.Wake("ai")
	h.ended(job, nil)
	require.Equal(t, "ready", h.known("again:latest").State)
	h.ended(h.delete("again"), nil)
}

// held is a way to a model server on which the answer to making a model stops after its first line.
func held(t testing.TB, server string) (address string, began <-chan struct{}) {
	t.Helper()
	base, err := url.Parse(server)
	require.NoError(t, err)
	first := make(chan struct{}, 1)
	transport := &http.Transport{}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(base) },
		ModifyResponse: func(res *http.Response) error {
			if res.Request.URL.Path != "/api/create" {
				return nil
			}
			// All of it is read, so that the server is done.
			lines, err := io.ReadAll(res.Body)
			if err != nil {
				return err
			}
			line, err := bufio.NewReader(strings.NewReader(string(lines))).ReadString('\n')
			if err != nil {
				return err
			}
			res.Body = io.NopCloser(io.MultiReader(strings.NewReader(line), wait{res.Request.Context().Done(), first}))
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(func() { front.Close(); transport.CloseIdleConnections() })
	return front.URL, first
}

// wait is a body without end.
type wait struct {
	over  <-chan struct{}
	began chan<- struct{}
}

func (w wait) Read([]byte) (int, error) {
	w.began <- struct{}{}
	<-w.over
	return 0, io.ErrUnexpectedEOF
}

func TestAModelWhoseMakingIsCancelledIsNotThere(t *testing.T) {
	t.Parallel()
	server := stacktest.Ollama(t).URL()
	address, began := held(t, server)
	h := open(t, options{ollama: address})
	job := h.make(ai.Recipe{Name: "half", Base: stacktest.ModelSay, System: "Half."})
	select {
	case <-began:
	case <-time.After(patience):
		t.Fatal("the model is not being made")
	}
	require.True(t, h.has("half"), "the server was done with it")
	err := pgx.BeginFunc(t.Context(), h.pool, func(tx pgx.Tx) error {
		_, err := h.StartDelete(t.Context(), tx, h.by(), "half")
		return err
	})
	require.Equal(t, fault.Conflict, fault.CodeOf(err), "it is being made")

	_, err = h.engine.Cancel(t.Context(), job, h.admin)
	require.NoError(t, err)
	require.Equal(t, 1, h.count(`SELECT count(*) FROM jobs WHERE kind = $1 AND state = 'queued'`, tasks.DeleteModel.Name))
	h.eventually("it is deleted on the way out", func() bool { return !h.has("half") })

	// Should the worker have died instead, the job that comes later does it.
	require.NoError(t, ollamaClient(t, server).Copy(h.within(), &api.CopyRequest{Source: stacktest.ModelSay, Destination: "half"}))
	h.exec(`UPDATE jobs SET run_at = now() WHERE kind = $1`, tasks.DeleteModel.Name)
	h.engine.Wake("ai")
	h.eventually("and for certain", func() bool { return !h.has("half") })
	require.Equal(t, "failed", h.known("half:latest").State)
}

func TestModelsOfAServerThatIsAwayAreKnownAndNotAvailable(t *testing.T) {
	t.Parallel()
	h := open(t, options{ollama: "127.0.0.1:1"})
	h.exec(`INSERT INTO models (name, provider, base, creator, state, job_id) VALUES
		('own:latest', 'ollama', 'b', $1, 'ready', $1), ('ft:b:x', 'openai', 'b', $1, 'ready', $1)`, h.admin)
	all, err := h.Catalog(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.True(t, all[0].Available)
	require.False(t, all[1].Available)
	err = h.CheckModel(t.Context(), ai.Recipe{Name: "x", Base: "y"})
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.True(t, fault.ClassOf(fault.CodeOf(err)).Retryable)
}

func TestRecipesThatCannotBeMeantAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t, options{})
	good := ai.Recipe{Name: "n", Base: "b"}
	require.Equal(t, ai.NotConfigured, fault.CodeOf(h.CheckModel(t.Context(), good)))
	with := func(change func(*ai.Recipe)) ai.Recipe {
		r := good
		change(&r)
		return r
	}
	parameter := func(name string, value any) ai.Recipe {
		return with(func(r *ai.Recipe) { r.Parameters = map[string]any{name: value} })
	}
	for _, r := range []ai.Recipe{
		with(func(r *ai.Recipe) { r.Name = "" }), with(func(r *ai.Recipe) { r.Name = "Upper" }),
		with(func(r *ai.Recipe) { r.Name = "me/mine" }), with(func(r *ai.Recipe) { r.Name = "../x" }),
		with(func(r *ai.Recipe) { r.Name = "a b" }), with(func(r *ai.Recipe) { r.Name = strings.Repeat("n", 64) }),
		with(func(r *ai.Recipe) { r.Name = "n:" }), with(func(r *ai.Recipe) { r.Base = "" }),
		with(func(r *ai.Recipe) { r.Base = "a b" }), with(func(r *ai.Recipe) { r.Base = "n:latest" }),
		with(func(r *ai.Recipe) { r.System = strings.Repeat("s", 32<<10+1) }), with(func(r *ai.Recipe) { r.System = "a\x00b" }),
		with(func(r *ai.Recipe) { r.Template = "\xff" }),
		parameter("temperature", "hot"), parameter("temperature", 2.5), parameter("top_k", 1.5), parameter("num_ctx", 0.0),
		parameter("stop", "x"), parameter("stop", []any{}), parameter("stop", []any{""}), parameter("stop", []any{1.0}),
		parameter("num_thread", 1.0), parameter("seed", nil),
	} {
		err := h.CheckModel(t.Context(), r)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%+v: %v", r, err)
	}
}
