package ai

import "time"

// Config says which models are asked, and how patiently. The zero value works, but for OllamaHost: without it questions
// are refused with [NotConfigured].
type Config struct {
	// OllamaHost is the model server: a URL or host:port, as Ollama's own tools take it.
	OllamaHost string `env:"OLLAMA_HOST"`
	// DefaultModel answers the questions that name no model. Without it they are refused.
	DefaultModel string `env:"AI_MODEL"`
	// PerModel is how many questions one model works on at once; match it to OLLAMA_NUM_PARALLEL. Default 1: the server
	// queues without bound by itself, and would start its clock for jobs that only wait.
	PerModel int `env:"AI_PER_MODEL"`
	// PerTunedModel is the same for a model at a service, which has many machines. Default 8.
	PerTunedModel int `env:"AI_PER_TUNED_MODEL"`
	// MaxPromptBytes bounds the prompt, and the system text, in bytes of UTF-8. Default 32 KiB.
	MaxPromptBytes int `env:"AI_MAX_PROMPT_BYTES"`
	// MaxTokens bounds an answer; a longer one ends with the reason "length". Default 16384.
	MaxTokens int `env:"AI_MAX_TOKENS"`
	// MaxTime bounds an answer as well; it ends likewise, and what was said counts. Default 9m, under the timeout of
	// tasks.Infer: a job that ran into that would put the question again from the start.
	MaxTime time.Duration `env:"AI_MAX_TIME"`
	// FirstChunk is the longest wait for the first sign of an answer. It covers loading a large model from disk and
	// reading a long prompt on a CPU. Default 2m.
	FirstChunk time.Duration `env:"AI_FIRST_CHUNK_TIMEOUT"`
	// Silence is the longest wait between two chunks of an answer: seconds on the slowest machine that is any use.
	// Default 60s.
	Silence time.Duration `env:"AI_SILENCE_TIMEOUT"`
	// Failures is how many questions in a row a model may fail before it rests. Default 3.
	Failures int `env:"AI_BREAKER_FAILURES"`
	// Rest is how long it rests before one question is let through to try it. Default 15s, which is well within what the
	// attempts of a job bridge.
	Rest time.Duration `env:"AI_BREAKER_REST"`
}

func (c Config) withDefaults() Config {
	or(&c.PerModel, 1)
	or(&c.PerTunedModel, 8)
	or(&c.MaxPromptBytes, 32<<10)
	or(&c.MaxTokens, 16384)
	or(&c.MaxTime, 9*time.Minute)
	or(&c.FirstChunk, 2*time.Minute)
	or(&c.Silence, time.Minute)
	or(&c.Failures, 3)
	or(&c.Rest, 15*time.Second)
	return c
}

// or sets a value that isn't positive to its default.
func or[T int | time.Duration](value *T, def T) {
	if *value <= 0 {
		*value = def
	}
}
