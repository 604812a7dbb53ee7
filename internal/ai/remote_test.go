package ai

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/internal/tuning/tuningtest"
)

const tunedModel = "ft:base-mini:test:letters:ftjob-1"

// speaking makes models at a service that has one.
func speaking(t testing.TB, cfg Config) (*models, *tuningtest.Server) {
	t.Helper()
	s := tuningtest.New(t)
	s.Know(tunedModel)
	client, err := openai.New(openai.Config{URL: s.URL(), APIKey: tuningtest.Key})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	service, err := New(nil, cfg, Through(client))
	require.NoError(t, err)
	t.Cleanup(service.Close)
	return service.remote, s
}

func question() Question {
	return Question{Prompt: "What becomes of a letter?", Model: tunedModel, System: "Be brief."}
}

func TestATunedModelAnswersInPiecesAndIsCounted(t *testing.T) {
	t.Parallel()
	m, s := speaking(t, Config{})
	s.Speak(tuningtest.Speech{Pieces: []string{"It ", "arr\x00ives", "."}})
	heard := listen(3)
	answer, err := m.generate(within(t), question(), heard.take, calm)
	require.NoError(t, err)
	require.Equal(t, "It arrives.", answer.Text)
	require.Equal(t, []string{"It ", "arrives", "."}, heard.pieces)
	require.Equal(t, []any{Stop, 11, 3}, []any{answer.FinishReason, answer.PromptTokens, answer.CompletionTokens})
	require.Positive(t, answer.FirstToken)
	asked := s.Asked()[0]
	require.Equal(t, tunedModel, asked.Model)
	require.Equal(t, []tuningtest.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: question().Prompt}},
		asked.Messages)

	for said, want := range map[string]string{"length": Length, "content_filter": Filtered, "tool_calls": Stop} {
		s.Speak(tuningtest.Speech{Pieces: []string{"a", "b"}, Reason: said, Silent: true})
		answer, err = m.generate(within(t), question(), ignore, calm)
		require.NoError(t, err)
		require.Equal(t, want, answer.FinishReason)
		require.Equal(t, 2, answer.CompletionTokens, "pieces, where the service does not count")
	}
}

func TestAnAnswerOfAServiceThatBreaksOffIsNone(t *testing.T) {
	t.Parallel()
	m, s := speaking(t, Config{Failures: 100, FirstChunk: time.Minute})
	for _, speech := range []tuningtest.Speech{{Pieces: []string{"a"}, Cut: true}, {Pieces: []string{"a"}, Error: "overloaded"}} {
		s.Speak(speech)
		_, err := m.generate(within(t), question(), ignore, calm)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	}
	s.Fail(tuningtest.Chat, tuningtest.Fault{Status: 429, RetryAfter: "1"}, tuningtest.Fault{Status: 401},
		tuningtest.Fault{Status: 400, Code: "context_length_exceeded", Message: "This model's maximum context length is 10."})
	for _, code := range []fault.Code{fault.RateLimited, openai.Refused, fault.Invalid} {
		_, err := m.generate(within(t), question(), ignore, calm)
		require.Equal(t, code, fault.CodeOf(err), "%v", err)
	}
	other := question()
	other.Model = "ft:gone"
	_, err := m.generate(within(t), other, ignore, calm)
	require.Equal(t, ModelNotFound, fault.CodeOf(err))
	require.Contains(t, fault.Message(err), "ft:gone")
}

func TestAServiceIsNotWaitedForLongerThanAModelServer(t *testing.T) {
	t.Parallel()
	m, s := speaking(t, Config{FirstChunk: 200 * time.Millisecond, Silence: 200 * time.Millisecond, Failures: 2, Rest: time.Hour})
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	s.Speak(tuningtest.Speech{Pieces: []string{"a", "b"}, Hold: hold})
	_, err := m.generate(within(t), question(), ignore, calm)
	require.Equal(t, fault.Timeout, fault.CodeOf(err), "silent in the middle: %v", err)

	s.Fail(tuningtest.Chat, tuningtest.Fault{Hold: hold}, tuningtest.Fault{Hold: hold})
	for range 2 {
		_, err := m.generate(within(t), question(), ignore, calm)
		require.Equal(t, fault.Timeout, fault.CodeOf(err), "silent from the start: %v", err)
	}
	served := s.Served(tuningtest.Chat)
	_, err = m.generate(within(t), question(), ignore, calm)
	require.Contains(t, fault.Message(err), "rests")
	require.Equal(t, served, s.Served(tuningtest.Chat), "it isn't even asked")
}

func TestAServiceIsLeftWhenTheQuestionIsStoppedOrTheAnswerTooLong(t *testing.T) {
	t.Parallel()
	m, s := speaking(t, Config{MaxTokens: 3})
	s.Speak(tuningtest.Speech{Pieces: []string{"a", "b", "c", "d", "e", "f"}})
	answer, err := m.generate(within(t), question(), ignore, calm)
	require.NoError(t, err)
	require.Equal(t, Length, answer.FinishReason)
	require.Equal(t, "abcd", answer.Text)

	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	s.Speak(tuningtest.Speech{Pieces: []string{"a", "b"}, Hold: hold})
	why := errors.New("enough")
	ctx, stop := context.WithCancelCause(within(t))
	heard := listen(1)
	type outcome struct {
		answer Answer
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := m.generate(ctx, question(), heard.take, calm)
		done <- outcome{answer, err}
	}()
	heard.wait(t)
	stop(why)
	out := <-done
	require.ErrorIs(t, out.err, why)
	require.Equal(t, "a", out.answer.Text, "what was said is kept")
	require.Equal(t, Stopped, out.answer.FinishReason)
}

func TestATunedModelIsAskedAtItsServiceAndOthersAtOllama(t *testing.T) {
	t.Parallel()
	s := tuningtest.New(t)
	s.Know(tunedModel)
	client, err := openai.New(openai.Config{URL: s.URL(), APIKey: tuningtest.Key})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	p := newPost(t, stacktest.Ollama(t).URL(), Config{}, Through(client))
	_, err = p.pool.Exec(t.Context(), `INSERT INTO models (name, provider, base, creator, state, job_id)
		VALUES ($1, 'openai', 'base-mini', $2, 'ready', $2)`, tunedModel, p.owner)
	require.NoError(t, err)
	s.Speak(tuningtest.Speech{Pieces: []string{"It ", "arrives."}})
	query, job := p.ask(Question{Prompt: "Hello?", Model: tunedModel})
	r := p.read(job.ID)
	r.untilEnd()
	require.Equal(t, "It arrives.", r.text)
	require.Equal(t, stream.TypeResult, r.last.Type)
	require.Equal(t, "It arrives.", *p.query(job.ID).Answer)
	require.Equal(t, tunedModel, query.Model)

	_, job = p.ask(Question{Prompt: "Hello?", Model: stacktest.ModelSay})
	p.await(job.ID, queue.Succeeded)
	require.Equal(t, stacktest.SayText, *p.query(job.ID).Answer)
	require.Len(t, s.Asked(), 1)

	// A name that nobody tuned is for Ollama, whose names it has to have the form of.
	require.Equal(t, fault.Invalid, fault.CodeOf(p.refused(Question{Prompt: "Hello?", Model: "ft:base-mini:test::nobody"})))

	// Without the service the model is known, and can't be asked.
	alone := newPost(t, stacktest.Ollama(t).URL(), Config{})
	_, err = alone.pool.Exec(t.Context(), `INSERT INTO models (name, provider, base, creator, state, job_id)
		VALUES ($1, 'openai', 'base-mini', $2, 'ready', $2)`, tunedModel, p.owner)
	require.NoError(t, err)
	err = alone.refused(Question{Prompt: "Hello?", Model: tunedModel})
	require.Equal(t, NotConfigured, fault.CodeOf(err))
	require.Contains(t, fault.Message(err), "TUNING_URL")
}
