package cli

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/ollama/ollama/api"

	"rohrpost/internal/config"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/tinygguf"
)

const (
	usualOllama  = "127.0.0.1:11434"
	ollamaWithin = 2 * time.Second // a server on this machine, or nobody

	tinyModelName = "tiny"
	// tinyCorpus is all that the tiny model knows; each answer is put together from words that follow one another here.
	tinyCorpus = "a letter goes into the tube and the tube carries the letter to the room where it is read\n" +
		"the tube carries each letter once and no letter is lost when the room is dark for a while\n" +
		"somebody reads the letter and writes an answer that goes back through the same tube\n" +
		"the answer arrives word by word while it is written and whoever looks away can look again\n" +
		"a room that is dark for a while finds its letters waiting when the light is on again\n"
)

// startOllama finds who answers AI questions: OLLAMA_HOST, the tiny model if asked for, or an Ollama at its usual address.
func startOllama(ctx context.Context, stack *devstack.Stack, env config.Env, tiny bool) (found, error) {
	if tiny {
		return startTiny(ctx, stack)
	}
	return modelOf(ctx, env["OLLAMA_HOST"], env), nil
}

// startTiny starts an Ollama with the tiny model.
func startTiny(ctx context.Context, stack *devstack.Stack) (found, error) {
	server, err := stack.StartOllama(ctx, devstack.OllamaOptions{})
	if err != nil {
		return found{}, err
	}
	models, err := listModels(ctx, server.URL())
	if err != nil {
		return found{}, err
	}
	if !slices.Contains(models, tinyModelName+":latest") { // of an earlier run: making it takes seconds
		if err := server.CreateModel(ctx, tinyModelName, tinygguf.SlowMarkov(tinyCorpus)); err != nil {
			return found{}, err
		}
	}
	return found{
		settings: []string{"OLLAMA_HOST", server.URL(), "AI_MODEL", tinyModelName},
		note:     "AI: a tiny model on a real Ollama. It strings words together, to show how answers arrive; it knows nothing.",
	}, nil
}

// modelOf chooses a default model where AI_MODEL names none: the one that was last changed on the server. An empty host
// is the usual one, which may have nobody.
func modelOf(ctx context.Context, host string, env config.Env) found {
	ctx, cancel := context.WithTimeout(ctx, ollamaWithin)
	defer cancel()
	address := host
	if address == "" {
		address = usualOllama
	}
	models, err := listModels(ctx, address)
	switch {
	case err != nil && host == "":
		return found{note: "AI: nobody answers questions. Start Ollama, or set OLLAMA_HOST to one, or try it with the tiny\n" +
			"model of the tests: make run DEMO_MODEL=1"}
	case err != nil:
		return found{note: "AI: the Ollama at OLLAMA_HOST does not answer now. Questions wait for it a while."}
	}
	f := found{settings: []string{"OLLAMA_HOST", address}}
	switch {
	case env["AI_MODEL"] != "":
	case len(models) == 0:
		f.note = "AI: the Ollama at " + address + " has no model. Get one, such as: ollama pull llama3.2"
	default:
		f.settings = append(f.settings, "AI_MODEL", models[0])
		f.note = "AI: " + models[0] + " answers; AI_MODEL chooses another."
	}
	return f
}

// listModels asks the Ollama at address for its models, the one that was last changed first.
func listModels(ctx context.Context, address string) ([]string, error) {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" {
		base = &url.URL{Scheme: "http", Host: address}
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := api.NewClient(base, &http.Client{Transport: transport}).List(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range answer.Models {
		names = append(names, m.Name)
	}
	return names, nil
}
