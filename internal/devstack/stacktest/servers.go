package stacktest

import (
	"context"
	"testing"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/tinygguf"
)

// The models of the shared Ollama: real server, synthetic weights.
const (
	ModelSay    = "tiny-say"    // answers every prompt with SayText, then stops
	ModelTool   = "tiny-tool"   // answers with a call of the tool get_weather for Paris
	ModelMarkov = "tiny-markov" // short readable sentences; obeys seed and temperature
	ModelSlow   = "tiny-slow"   // gibberish without end at some 250 tokens a second, for tests that cancel
	ModelEmbed  = "tiny-embed"  // 64 dimensions; texts that share words are near
)

// SayText is what ModelSay answers.
const SayText = "Hello from a tiny model. It says the same words each time, and the same words again."

const (
	toolText = `{"name": "get_weather", "arguments": {"city": "Paris"}}`
	corpus   = "the letter travels through the tube\nthe tube carries the letter to the next room\n" +
		"a letter waits in the room until somebody reads it\nsomebody reads the letter and sends an answer\n"
)

// Postgres is the server that the tests of this process share: make databases of your own in it (package dbtest does),
// and leave it running. It is not durable.
func Postgres(t testing.TB) *devstack.Postgres {
	t.Helper()
	s := stack(t)
	return shared.postgres.get(t, func(ctx context.Context) (*devstack.Postgres, error) {
		return s.StartPostgres(ctx, devstack.PostgresOptions{})
	})
}

// Redis starts an empty Redis for this test alone, in about 20 ms; it may be wiped, stopped and killed. It ends with the
// test. The settings are further lines of redis.conf.
func Redis(t testing.TB, settings ...string) *devstack.Redis {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	r, err := stack(t).StartRedis(ctx, devstack.RedisOptions{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Kill) // an orderly stop takes 0.1 s, and there is nothing to keep
	return r
}

// Mailpit starts an empty mail server for this test alone; it may be told to fail, stopped and killed. It ends with the
// test.
func Mailpit(t testing.TB, flags ...string) *devstack.Mailpit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startWithin)
	defer cancel()
	m, err := stack(t).StartMailpit(ctx, devstack.MailpitOptions{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill) // there is nothing to keep
	return m
}

// Clamd is the clamd that the tests of this process share, with the own signatures (devstack.EICAR, devstack.TestVirus)
// and a limit of MaxScanBytes.
func Clamd(t testing.TB) *devstack.Clamd {
	t.Helper()
	s := stack(t)
	return shared.clamd.get(t, func(ctx context.Context) (*devstack.Clamd, error) {
		return s.StartClamd(ctx, devstack.ClamdOptions{MaxBytes: MaxScanBytes, OwnSignatures: true})
	})
}

// Ollama is the Ollama that the tests of this process share, with the tiny models.
func Ollama(t testing.TB) *devstack.Ollama {
	t.Helper()
	s := stack(t)
	return shared.ollama.get(t, func(ctx context.Context) (*devstack.Ollama, error) {
		o, err := s.StartOllama(ctx, devstack.OllamaOptions{})
		if err != nil {
			return nil, err
		}
		return o, CreateModels(ctx, o)
	})
}

// CreateModels gives an Ollama of [Own] the tiny models, too.
func CreateModels(ctx context.Context, o *devstack.Ollama) error {
	models := []struct {
		name  string
		model tinygguf.Model
	}{
		{ModelSay, tinygguf.Say(SayText)},
		{ModelTool, tinygguf.Say(toolText)},
		{ModelMarkov, tinygguf.Markov(corpus)},
		{ModelSlow, tinygguf.Random(256, 4)},
		{ModelEmbed, tinygguf.Embed()},
	}
	for _, m := range models {
		if err := o.CreateModel(ctx, m.name, m.model); err != nil {
			return err
		}
	}
	return nil
}
