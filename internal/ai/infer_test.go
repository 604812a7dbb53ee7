package ai

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/ollama/ollama/api"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/devstack/tinygguf"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

func TestAQuestionIsAnsweredOnTheStreamAndOnRecord(t *testing.T) {
	t.Parallel()
	p := newPost(t, stacktest.Ollama(t).URL(), Config{DefaultModel: stacktest.ModelSay})
	query, job := p.ask(Question{Prompt: "Hello?"})
	require.Equal(t, stacktest.ModelSay, query.Model)
	require.Nil(t, query.Answer)
	require.Equal(t, p.owner, job.Owner)

	r := p.read(job.ID)
	r.untilEnd()
	require.Equal(t, stacktest.SayText, r.text)
	require.Equal(t, stream.TypeResult, r.last.Type)
	require.Equal(t, 1, r.runs())

	query = p.query(job.ID)
	require.Equal(t, stacktest.SayText, *query.Answer)
	require.Equal(t, Stop, *query.FinishReason)
	require.Positive(t, *query.PromptTokens)
	require.Positive(t, *query.CompletionTokens)
	require.GreaterOrEqual(t, *query.TotalMs, *query.FirstTokenMs)
	require.NotNil(t, query.FinishedAt)

	var result Result
	require.NoError(t, json.Unmarshal(p.job(job.ID).Result, &result))
	require.Equal(t, Result{
		QueryID: query.ID, Model: stacktest.ModelSay, Answer: stacktest.SayText, FinishReason: Stop,
		PromptTokens: int(*query.PromptTokens), CompletionTokens: int(*query.CompletionTokens),
		FirstTokenMS: *query.FirstTokenMs, TotalMS: *query.TotalMs,
	}, result)

	_, err := p.service.ByJob(t.Context(), uuid.New(), job.ID)
	require.Equal(t, fault.NotFound, fault.CodeOf(err), "it is nobody else's")
}

func TestTokensArriveWhileTheModelSpeaks(t *testing.T) {
	t.Parallel()
	p := newPost(t, ownOllama(t).URL(), Config{MaxTokens: 100})
	_, job := p.ask(Question{Prompt: "Go on.", Model: stacktest.ModelSlow})
	r := p.read(job.ID)
	r.until(func() bool { return r.pieces == 3 })
	require.Equal(t, queue.Running, p.job(job.ID).State)
	r.untilEnd()
	require.Greater(t, r.pieces, 5)
	query := p.query(job.ID)
	require.Equal(t, *query.Answer, r.text)
	require.Equal(t, Length, *query.FinishReason)
	require.EqualValues(t, 100, *query.CompletionTokens)
}

func TestAModelThatThinksFirstSaysSoAndOnlyItsAnswerIsKept(t *testing.T) {
	t.Parallel()
	o := stacktest.Ollama(t)
	p := newPost(t, o.URL(), Config{})
	require.NoError(t, o.CreateModel(within(t), "brooder", tinygguf.Say("<think>What could that be</think>Nine letters")))
	// A template that knows thoughts makes the server take them for such.
	require.NoError(t, p.service.client.Create(within(t), &api.CreateRequest{
		Model: "thinker", From: "brooder", Template: `{{ range .Messages }}<|{{ .Role }}|>` +
			`{{ if .Thinking }}<think>{{ .Thinking }}</think>{{ end }}{{ .Content }}<|end|>{{ end }}<|assistant|>`,
	}, func(api.ProgressResponse) error { return nil }))

	_, job := p.ask(Question{Prompt: "How many?", Model: "thinker"})
	r := p.read(job.ID)
	r.untilEnd()
	require.Equal(t, []string{"thinking"}, r.phases)
	require.Equal(t, "Nine letters", r.text)
	require.Equal(t, "Nine letters", *p.query(job.ID).Answer)
}

func TestACancelledAnswerIsKeptAndTheModelIsFree(t *testing.T) {
	t.Parallel()
	p := newPost(t, ownOllama(t).URL(), Config{})
	_, job := p.ask(Question{Prompt: "Go on.", Model: stacktest.ModelSlow})
	r := p.read(job.ID)
	r.until(func() bool { return r.pieces >= 3 })

	_, err := p.engine.Cancel(t.Context(), job.ID, p.owner)
	require.NoError(t, err)
	r.untilEnd()
	require.Equal(t, stream.TypeError, r.last.Type)
	query := p.query(job.ID)
	require.Equal(t, Stopped, *query.FinishReason, "on record with the cancel")
	require.Eventually(t, func() bool { return p.query(job.ID).Answer != nil }, 5*time.Second, 5*time.Millisecond)
	answer := *p.query(job.ID).Answer
	require.True(t, strings.HasPrefix(answer, r.text), "%q, read %q", answer, r.text)

	// The one slot is free: on our side and on the server's.
	_, next := p.ask(Question{Prompt: "And?", Model: stacktest.ModelSlow})
	r = p.read(next.ID)
	r.until(func() bool { return r.pieces >= 1 })
	_, err = p.engine.Cancel(t.Context(), next.ID, p.owner)
	require.NoError(t, err)
}

func TestARerunQuestionStartsAfresh(t *testing.T) {
	t.Parallel()
	p := newPost(t, stacktest.Ollama(t).URL(), Config{})
	_, job := p.ask(Question{Prompt: "Hello?", Model: "nobody"})
	failed := p.await(job.ID, queue.Failed)
	require.Equal(t, string(ModelNotFound), *failed.ErrorCode)
	require.Contains(t, *failed.ErrorMessage, "nobody")
	require.EqualValues(t, 1, failed.Attempt)
	require.Equal(t, Broken, *p.query(job.ID).FinishReason)

	_, err := p.pool.Exec(t.Context(), `UPDATE ai_queries SET model = $1`, stacktest.ModelSay)
	require.NoError(t, err)
	_, err = p.engine.Rerun(t.Context(), job.ID, p.owner)
	require.NoError(t, err)
	p.await(job.ID, queue.Succeeded)
	require.Equal(t, stacktest.SayText, *p.query(job.ID).Answer)
	require.Equal(t, Stop, *p.query(job.ID).FinishReason)
}

func TestACutConnectionIsTriedAgainAndTheAnswerIsWhole(t *testing.T) {
	t.Parallel()
	proxy := proxied(t, hostOf(t, ownOllama(t)))
	cutAfter(t, proxy, 1500)
	p := newPost(t, proxy.Listen, Config{Failures: 100, MaxTokens: 50})
	heard := listen(1)
	_, err := p.service.models.generate(within(t), Question{Prompt: "Go.", Model: stacktest.ModelSlow}, heard.take, calm)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.NotEmpty(t, heard.text(), "it was cut in the middle")

	_, job := p.ask(Question{Prompt: "Go.", Model: stacktest.ModelSlow})
	r := p.read(job.ID)
	r.until(func() bool { return r.runs() == 2 }) // the first was cut
	require.NoError(t, proxy.Toxics.RemoveToxic(within(t), "cut"))
	r.untilEnd()
	require.Equal(t, stream.TypeResult, r.last.Type)
	query := p.query(job.ID)
	require.Equal(t, *query.Answer, r.text, "of the last run alone")
	require.Equal(t, Length, *query.FinishReason)
	require.EqualValues(t, 50, *query.CompletionTokens)
	require.Greater(t, p.job(job.ID).Attempt, int32(1))
}

func TestOneModelWorksOnAsManyQuestionsAsItMay(t *testing.T) {
	t.Parallel()
	p := newPost(t, ownOllama(t).URL(), Config{})
	_, first := p.ask(Question{Prompt: "One.", Model: stacktest.ModelSlow})
	r := p.read(first.ID)
	r.until(func() bool { return r.pieces >= 1 })
	_, second := p.ask(Question{Prompt: "Two.", Model: stacktest.ModelSlow + ":latest"})
	_, other := p.ask(Question{Prompt: "Three.", Model: stacktest.ModelSay})
	p.await(other.ID, queue.Succeeded) // another model doesn't wait
	require.Equal(t, queue.Running, p.job(first.ID).State)
	require.Equal(t, queue.Queued, p.job(second.ID).State)
	for _, id := range []uuid.UUID{first.ID, second.ID} {
		p.await(id, queue.Running)
		_, err := p.engine.Cancel(t.Context(), id, p.owner)
		require.NoError(t, err)
	}
}

func TestWithoutAModelServerAQuestionIsRefused(t *testing.T) {
	t.Parallel()
	s, err := New(dbtest.New(t), Config{DefaultModel: "m"})
	require.NoError(t, err)
	_, err = s.Ask(t.Context(), &db.Writes{}, uuid.New(), Question{Prompt: "Hello?"})
	require.Equal(t, NotConfigured, fault.CodeOf(err))
	require.Contains(t, fault.Message(err), "OLLAMA_HOST")
	require.Equal(t, NotConfigured, fault.CodeOf(s.Ready(t.Context())))
	s.Close()

	_, err = New(nil, Config{OllamaHost: "gopher://models"})
	require.ErrorContains(t, err, "OLLAMA_HOST")
}

func TestModelsAreListed(t *testing.T) {
	t.Parallel()
	s := asking(t, stacktest.Ollama(t).URL(), Config{})
	list, err := s.Models(within(t), time.Time{})
	require.NoError(t, err)
	names := map[string]bool{}
	for _, m := range list {
		names[m.Name] = m.Size > 0
	}
	require.True(t, names[stacktest.ModelSay+":latest"])
}
