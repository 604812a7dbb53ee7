package ai

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rohrpost/db/dbtest"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/devstack/tinygguf"
)

// The model server of these tests is the real Ollama; its models are tiny and their weights synthetic.
func TestMain(m *testing.M) {
	// A proxy that cut a connection has goroutines that wait for ever to pass on what came after the cut.
	const proxy = "github.com/Shopify/toxiproxy/v2"
	dbtest.Main(m, goleak.IgnoreAnyFunction(proxy+".(*ToxicLink).read"),
		goleak.IgnoreAnyFunction(proxy+"/toxics.(*ToxicStub).Run"))
}

// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
const patience = time.Minute

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// asking makes a service for questions to the server at host.
func asking(t testing.TB, host string, cfg Config) *Service {
	t.Helper()
	cfg.OllamaHost = host
	s, err := New(nil, cfg)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// ownOllama starts a server that the test may stop and freeze, or whose slow model it needs for itself.
func ownOllama(t testing.TB) *devstack.Ollama {
	t.Helper()
	o, err := stacktest.Own(t).StartOllama(within(t), devstack.OllamaOptions{})
	require.NoError(t, err)
	require.NoError(t, o.CreateModel(within(t), stacktest.ModelSay, tinygguf.Say(stacktest.SayText)))
	require.NoError(t, o.CreateModel(within(t), stacktest.ModelSlow, tinygguf.Random(256, 4)))
	return o
}

// hearing collects the pieces of an answer and tells when there are enough.
type hearing struct {
	mu     sync.Mutex
	pieces []string // guarded by mu
	want   int
	enough chan struct{}
}

func listen(want int) *hearing { return &hearing{want: want, enough: make(chan struct{})} }

func (h *hearing) take(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pieces = append(h.pieces, text)
	if len(h.pieces) == h.want {
		close(h.enough)
	}
}

func (h *hearing) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.pieces, "")
}

func (h *hearing) wait(t testing.TB) {
	t.Helper()
	select {
	case <-h.enough:
	case <-within(t).Done():
		t.Fatal("the model said too little")
	}
}

func ignore(string) {}
func calm()         {}

// whole asks model and requires the answer of stacktest.ModelSay.
func whole(t testing.TB, s *Service, model string) {
	t.Helper()
	answer, err := s.models.generate(within(t), Question{Prompt: "Hello?", Model: model}, ignore, calm)
	require.NoError(t, err)
	require.Equal(t, stacktest.SayText, answer.Text)
}

func hostOf(t testing.TB, o *devstack.Ollama) string {
	t.Helper()
	base, err := url.Parse(o.URL())
	require.NoError(t, err)
	return base.Host
}
