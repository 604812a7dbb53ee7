package ai

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
)

func TestQuestionsThatCannotBeAskedAreRefused(t *testing.T) {
	t.Parallel()
	cfg := Config{MaxPromptBytes: 100}
	for name, q := range map[string]Question{
		"empty":                 {Prompt: "", Model: "m"},
		"blank":                 {Prompt: " \n\t\u00a0", Model: "m"},
		"too long":              {Prompt: strings.Repeat("ö", 51), Model: "m"},
		"no UTF-8":              {Prompt: "a\xffb", Model: "m"},
		"NUL":                   {Prompt: "a\x00b", Model: "m"},
		"system too long":       {Prompt: "p", System: strings.Repeat("s", 101), Model: "m"},
		"system no UTF-8":       {Prompt: "p", System: "\xc3", Model: "m"},
		"no model, no default":  {Prompt: "p"},
		"model with a space":    {Prompt: "p", Model: "a b"},
		"model with a newline":  {Prompt: "p", Model: "a\n"},
		"model that climbs":     {Prompt: "p", Model: "../../etc/passwd"},
		"model name of nothing": {Prompt: "p", Model: ":latest"},
		"model name too long":   {Prompt: "p", Model: strings.Repeat("m", maxModelName+1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := q.checked(cfg)
			require.Equal(t, fault.Invalid, fault.CodeOf(err), "%v", err)
		})
	}
}

func TestQuestionsOfAllKindsAreTaken(t *testing.T) {
	t.Parallel()
	cfg := Config{MaxPromptBytes: 100, DefaultModel: "standard"}
	for _, name := range []string{"m", "llama3.2:1b", "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M", "me/model"} {
		q, err := Question{Prompt: strings.Repeat("ö", 50), Model: name, System: "s"}.checked(cfg)
		require.NoError(t, err, name)
		require.Equal(t, name, q.Model)
	}
	q, err := Question{Prompt: "p"}.checked(cfg)
	require.NoError(t, err)
	require.Equal(t, "standard", q.Model)
}

func TestSpellingsOfAModelShareItsBound(t *testing.T) {
	t.Parallel()
	require.Equal(t, modelKey("llama3"), modelKey("Llama3:latest"))
	require.Equal(t, modelKey("llama3"), modelKey("library/llama3"))
	require.NotEqual(t, modelKey("llama3"), modelKey("llama3:8b"))
}

func TestTheHostIsReadAsOllamasOwnToolsReadIt(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"localhost":              "http://localhost:11434",
		"10.0.0.7:1234":          "http://10.0.0.7:1234",
		":1234":                  "http://127.0.0.1:1234",
		"0.0.0.0":                "http://127.0.0.1:11434",
		"[::1]:1234":             "http://[::1]:1234",
		"http://models":          "http://models",
		"https://models.example": "https://models.example",
		"https://m.example/ai":   "https://m.example/ai",
		"http://0.0.0.0:1234":    "http://127.0.0.1:1234",
	} {
		base, err := parseHost(host)
		require.NoError(t, err, host)
		require.Equal(t, want, base.String(), host)
	}
	for _, host := range []string{"ftp://models", "http://", "http://a b", "models?x=1", "http://me:secret@mod els"} {
		_, err := parseHost(host)
		require.Error(t, err, host)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestAnAnswerRepeatsItselfWhenTheServerWouldEndIt(t *testing.T) {
	t.Parallel()
	var r repeats
	require.False(t, r.ended())
	r.see("one")
	for range endlessRepeats - 1 {
		r.see(" two")
	}
	require.False(t, r.ended())
	r.see("two\n")
	require.True(t, r.ended())
	r.see("three")
	require.False(t, r.ended())
}
