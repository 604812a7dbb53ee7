package devstack_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/devstack/tinygguf"
)

func TestOllamaSaysWhatTheModelSays(t *testing.T) {
	t.Parallel()
	if got := chat(t, stacktest.Ollama(t), stacktest.ModelSay); got != stacktest.SayText {
		t.Errorf("got %q", got)
	}
}

func TestABusyModelKeepsNoOtherWaiting(t *testing.T) {
	t.Parallel()
	o, err := stacktest.Own(t).StartOllama(t.Context(), devstack.OllamaOptions{})
	must(t, err)
	must(t, stacktest.CreateModels(t.Context(), o))
	ctx, hangUp := context.WithCancel(t.Context())
	var answers sync.WaitGroup
	defer answers.Wait()
	defer hangUp()
	for i := range 5 {
		name := fmt.Sprintf("endless-%d", i)
		must(t, o.CreateModel(ctx, name, tinygguf.Random(256, 4)))
		begun := make(chan struct{})
		var once sync.Once
		answers.Go(func() {
			_ = listen(ctx, o, name, func(string) { once.Do(func() { close(begun) }) })
		})
		select {
		case <-begun:
		case <-time.After(time.Minute):
			t.Fatalf("model %d does not begin while those before it are busy", i)
		}
	}
	if got := chat(t, o, stacktest.ModelSay); got != stacktest.SayText {
		t.Errorf("got %q", got)
	}
}

func TestStoppingOllamaEndsItsRunners(t *testing.T) {
	t.Parallel()
	o, err := stacktest.Own(t).StartOllama(t.Context(), devstack.OllamaOptions{})
	must(t, err)
	must(t, stacktest.CreateModels(t.Context(), o))
	chat(t, o, stacktest.ModelSay)
	runners := children(t, o.Pid())
	if len(runners) == 0 {
		t.Fatal("a loaded model has no runner")
	}
	var ends []end
	for _, pid := range runners {
		ends = append(ends, watch(t, pid))
	}
	must(t, o.Stop(t.Context()))
	for _, e := range ends {
		e.wait(t)
	}
}

func TestTheBuildScriptMakesTheVersionThatIsStarted(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../build/ollama/build.sh")
	must(t, err)
	path, err := devstack.OllamaBinary()
	must(t, err)
	_, after, _ := strings.Cut(string(script), "\nversion=")
	version, _, _ := strings.Cut(after, " ")
	if version == "" || !strings.Contains(path, "ollama-"+version+"/") {
		t.Errorf("build.sh builds %q, the stack starts %s", version, path)
	}
}

func chat(t *testing.T, o *devstack.Ollama, model string) string {
	t.Helper()
	answer, err := ask(t.Context(), o, model)
	must(t, err)
	return answer
}

func ask(ctx context.Context, o *devstack.Ollama, model string) (string, error) {
	var answer strings.Builder
	err := listen(ctx, o, model, func(part string) { answer.WriteString(part) })
	return answer.String(), err
}

func listen(ctx context.Context, o *devstack.Ollama, model string, hear func(part string)) error {
	base, err := url.Parse(o.URL())
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	return api.NewClient(base, &http.Client{Transport: transport}).Chat(ctx, &api.ChatRequest{
		Model: model, Messages: []api.Message{{Role: "user", Content: "Hello?"}},
	}, func(r api.ChatResponse) error {
		hear(r.Message.Content)
		return nil
	})
}
