package chaos

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// wire is the network between one process and one server.
type wire struct {
	proxy *toxiproxy.Proxy
	at    string // the address to give to the process
}

// trouble is what a wire can do to the bytes that go over it, as toxiproxy calls it.
type trouble struct {
	name, toxic, stream, attributes string
}

var (
	// Connections are closed at once, those that are there and new ones. The proxy goes on listening: a port that nobody
	// listens on might be taken by an outgoing connection.
	cut = []trouble{
		{"cut-up", "timeout", "upstream", `{"timeout": 1}`},
		{"cut-down", "timeout", "downstream", `{"timeout": 1}`},
	}
	slow = []trouble{
		{"slow-up", "latency", "upstream", `{"latency": 100, "jitter": 100}`},
		{"slow-down", "latency", "downstream", `{"latency": 100, "jitter": 100}`},
	}
	// What is asked arrives and is done; the answer never comes, and nothing is closed.
	halfOpen = []trouble{{"swallow", "timeout", "downstream", `{"timeout": 0}`}}
)

// healWithin bounds the removal of a trouble, which waits for each connection.
const healWithin = 10 * time.Second

func newWire(server *toxiproxy.ApiServer, name, upstream string) (*wire, error) {
	p := toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("proxy %s: %w", name, err)
	}
	return &wire{proxy: p, at: p.Listen}, nil
}

func newProxies() *toxiproxy.ApiServer {
	return toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
}

// url is the address of a server as seen over the wire.
func (w *wire) url(of string) (string, error) {
	u, err := url.Parse(of)
	if err != nil {
		return "", fmt.Errorf("address behind %s: %w", w.proxy.Name, err)
	}
	u.Host = w.at
	return u.String(), nil
}

func (w *wire) harm(troubles []trouble) error {
	for _, t := range troubles {
		text := fmt.Sprintf(`{"name": %q, "type": %q, "stream": %q, "attributes": %s}`, t.name, t.toxic, t.stream, t.attributes)
		if _, err := w.proxy.Toxics.AddToxicJson(strings.NewReader(text)); err != nil {
			return fmt.Errorf("%s on %s: %w", t.name, w.proxy.Name, err)
		}
	}
	return nil
}

func (w *wire) heal(ctx context.Context, troubles []trouble) error {
	ctx, cancel := context.WithTimeout(ctx, healWithin)
	defer cancel()
	for _, t := range troubles {
		if err := w.proxy.Toxics.RemoveToxic(ctx, t.name); err != nil {
			return fmt.Errorf("end %s on %s: %w", t.name, w.proxy.Name, err)
		}
	}
	return nil
}

func (w *wire) close() { w.proxy.Stop() }
