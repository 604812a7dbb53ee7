package ai

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/devstack/tinygguf"
	"rohrpost/internal/fault"
)

func TestAnAnswerComesInPiecesAndIsCounted(t *testing.T) {
	t.Parallel()
	s := asking(t, stacktest.Ollama(t).URL(), Config{})
	heard := listen(2)
	answer, err := s.models.generate(within(t), Question{
		Prompt: "Hello?", Model: stacktest.ModelSay, System: "Be brief.",
	}, heard.take, calm)
	require.NoError(t, err)
	require.Equal(t, stacktest.SayText, answer.Text)
	require.Equal(t, stacktest.SayText, heard.text())
	require.Equal(t, Stop, answer.FinishReason)
	require.Greater(t, len(heard.pieces), 5)
	require.Equal(t, len(heard.pieces)+1, answer.CompletionTokens, "a token a piece, and the one that ends it")
	require.Greater(t, answer.PromptTokens, len("Hello?Be brief.")/4)
	require.Positive(t, answer.FirstToken)
	require.GreaterOrEqual(t, answer.Total, answer.FirstToken)
}

func TestALongAnswerEndsAtTheBoundOnTokensOrTime(t *testing.T) {
	t.Parallel()
	o := ownOllama(t)
	s := asking(t, o.URL(), Config{MaxTokens: 7})
	answer, err := s.models.generate(within(t), Question{Prompt: "Go on.", Model: stacktest.ModelSlow}, ignore, calm)
	require.NoError(t, err)
	require.Equal(t, Length, answer.FinishReason)
	require.Equal(t, 7, answer.CompletionTokens)

	s = asking(t, o.URL(), Config{MaxTime: 500 * time.Millisecond})
	heard := listen(1)
	answer, err = s.models.generate(within(t), Question{Prompt: "Go on.", Model: stacktest.ModelSlow}, heard.take, calm)
	require.NoError(t, err)
	require.Equal(t, Length, answer.FinishReason)
	require.Equal(t, heard.text(), answer.Text)
	require.NotEmpty(t, answer.Text)
	require.Positive(t, answer.CompletionTokens)
}

func TestAStoppedModelIsFreeForTheNextQuestionLongBeforeTheAnswerWouldHaveEnded(t *testing.T) {
	t.Parallel()
	server := ownOllama(t)
	// Given how long the answer takes that nobody stops
	const long = 600
	s := asking(t, server.URL(), Config{MaxTokens: long})
	began := time.Now()
	whole, err := s.models.generate(within(t), Question{Prompt: "Go on.", Model: stacktest.ModelSlow}, ignore, calm)
	require.NoError(t, err)
	require.Equal(t, long, whole.CompletionTokens)
	takes := time.Since(began)

	why := errors.New("enough")
	wedged := 0
	for range 5 {
		// When the same is stopped after ten tokens
		ctx, stop := context.WithCancelCause(within(t))
		heard := listen(10)
		type outcome struct {
			answer Answer
			err    error
		}
		done := make(chan outcome, 1)
		go func() {
			answer, err := s.models.generate(ctx, Question{Prompt: "Go on.", Model: stacktest.ModelSlow}, heard.take, calm)
			done <- outcome{answer, err}
		}()
		heard.wait(t)
		began := time.Now()
		stop(why)
		out := <-done
		require.ErrorIs(t, out.err, why)
		require.Equal(t, Stopped, out.answer.FinishReason)
		require.Equal(t, heard.text(), out.answer.Text, "what was said is kept")
		require.Less(t, len(heard.pieces), long/2, "it was left in the middle")

		// Then the next one is answered. With one slot, that is only if the server has stopped, too; and while the first
		// would still be going on
		brief := asking(t, s.cfg.OllamaHost, Config{MaxTokens: 3, FirstChunk: 20 * time.Second})
		_, err := brief.models.generate(within(t), Question{Prompt: "And?", Model: stacktest.ModelSlow}, ignore, calm)
		if fault.CodeOf(err) == fault.Timeout {
			// However we leave, a busy machine may have Ollama in the one moment in which it wedges itself. See leave.go.
			wedged++
			require.NoError(t, server.Restart(within(t)))
			continue
		}
		require.NoError(t, err)
		require.Less(t, time.Since(began), takes*3/4)
	}
	require.LessOrEqual(t, wedged, 1)
}

func TestAModelThatIsStoppedBeforeItSpeaksIsLeftInTime(t *testing.T) {
	t.Parallel()
	s := asking(t, silentServer(t), Config{})
	ctx, stop := context.WithCancel(within(t))
	done := make(chan error, 1)
	go func() {
		_, err := s.models.generate(ctx, Question{Prompt: "Hello?", Model: "any"}, ignore, calm)
		done <- err
	}()
	stop()
	require.ErrorIs(t, <-done, context.Canceled, "and not the timeout that comes without a first sign")
	require.Zero(t, s.models.breakers.of("any").Counts().TotalFailures, "a stop says nothing about the model")

	_, err := s.models.generate(ctx, Question{Prompt: "Hello?", Model: "any"}, ignore, calm)
	require.ErrorIs(t, err, context.Canceled, "one that is stopped already isn't asked")
}

func TestAMissingModelIsNamed(t *testing.T) {
	t.Parallel()
	s := asking(t, stacktest.Ollama(t).URL(), Config{Failures: 1})
	for range 3 {
		_, err := s.models.generate(within(t), Question{Prompt: "Hello?", Model: "nobody:7b"}, ignore, calm)
		require.Equal(t, ModelNotFound, fault.CodeOf(err))
		require.Contains(t, fault.Message(err), "nobody:7b")
		require.False(t, fault.ClassOf(ModelNotFound).Retryable)
	}
	require.Empty(t, s.models.breakers.models, "made-up names don't pile up")
}

func TestAModelThatCannotChatIsAnInvalidQuestion(t *testing.T) {
	t.Parallel()
	s := asking(t, stacktest.Ollama(t).URL(), Config{})
	_, err := s.models.generate(within(t), Question{Prompt: "Hello?", Model: stacktest.ModelEmbed}, ignore, calm)
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
	require.Contains(t, fault.Message(err), "does not support chat")
}

func TestAQuestionBeyondTheContextIsRefusedAndNotCut(t *testing.T) {
	t.Parallel()
	s := asking(t, stacktest.Ollama(t).URL(), Config{})
	long := strings.Repeat("Was steht in Brief Nummer neun? ", 900)
	_, err := s.models.generate(within(t), Question{Prompt: long, Model: stacktest.ModelSay}, ignore, calm)
	require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
	require.Contains(t, fault.Message(err), "longer than the context")
	whole(t, s, stacktest.ModelSay)
}

func TestAModelThatRepeatsItselfIsAnAnswerAndNotACut(t *testing.T) {
	t.Parallel()
	o := stacktest.Ollama(t)
	require.NoError(t, o.CreateModel(within(t), "stutter", tinygguf.SayForever("ha")))
	s := asking(t, o.URL(), Config{})
	answer, err := s.models.generate(within(t), Question{Prompt: "Laugh.", Model: "stutter"}, ignore, calm)
	require.NoError(t, err)
	require.Equal(t, Repetition, answer.FinishReason)
	require.Equal(t, strings.Repeat("ha", endlessRepeats), answer.Text)
}
