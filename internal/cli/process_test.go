package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/config"
	"rohrpost/internal/fault"
)

func quietShell(env config.Env) shell {
	return shell{env: env, screen: screenOn(io.Discard), log: slog.New(slog.DiscardHandler)}
}

// screenOn is a screen that is no terminal, with nothing to read.
func screenOn(out io.Writer) *terminal.Screen {
	return &terminal.Screen{In: strings.NewReader(""), Out: out, Err: io.Discard, Zone: time.UTC}
}

func TestPartsAreClosedInReverseAndAllOfThem(t *testing.T) {
	t.Parallel()
	// Given a process of three parts, of which the second fails to close
	var closed []string
	err := quietShell(nil).supervise(t.Context(), func(_ context.Context, p *process) error {
		for _, name := range []string{"pool", "engine", "api"} {
			p.onClose(name, func(context.Context) error {
				closed = append(closed, name)
				if name == "engine" {
					return errors.New("stuck")
				}
				return nil
			})
		}
		// When a server ends by itself
		p.serve("api", func() error { return errors.New("broken") })
		return nil
	})
	// Then the process ends, the last part first, and says what went wrong
	require.Equal(t, []string{"api", "engine", "pool"}, closed)
	require.EqualError(t, err, "api: broken\nclose engine: stuck")
}

func TestAnEndThatWasAskedForWhileStartingIsNoError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	err := quietShell(nil).supervise(ctx, func(ctx context.Context, _ *process) error {
		cancel()
		return ctx.Err()
	})
	require.NoError(t, err)
}

func TestMetricsAreShownOnTheirOwnAddress(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := shell{env: config.Env{}, screen: screenOn(io.Discard), log: slog.New(slog.NewTextHandler(&log, nil))}
	require.NoError(t, s.supervise(stopped(t), func(ctx context.Context, p *process) error {
		require.NoError(t, p.serveMetrics(ctx, metricsConfig{}), "no address, no metrics")
		require.NoError(t, p.serveMetrics(t.Context(), metricsConfig{Addr: "127.0.0.1:0"}))
		url := regexp.MustCompile(`http://\S+/metrics`).FindString(log.String())
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		require.NoError(t, err)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Do(request)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Contains(t, string(body), "go_goroutines")
		return nil
	}))
}

func TestATakenAddressIsNamed(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	_, err = quietShell(nil).newProcess().listen(t.Context(), api.Config{Addr: other.Addr().String()})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.ErrorContains(t, err, other.Addr().String()+" is taken by another program")
	require.ErrorContains(t, err, "API_ADDR")
}

func TestWhatIsNotSetIsNamed(t *testing.T) {
	t.Parallel()
	for command, says := range map[string]string{
		"api":               "DATABASE_URL, REDIS_URL, BLOB_URL, AUTH_SECRET are not set",
		"worker":            "DATABASE_URL, REDIS_URL, BLOB_URL, CLAMD_ADDRESS are not set",
		"worker --queues=a": `"a" is no queue`,
		"scheduler":         "DATABASE_URL, REDIS_URL, BLOB_URL are not set",
		"migrate":           "DATABASE_URL is not set",
		"admin create a@b":  "DATABASE_URL is not set",
		"serve":             `unknown command "serve"`,
	} {
		root := quietShell(config.Env{}).root()
		root.SetArgs(strings.Fields(command))
		require.ErrorContains(t, root.ExecuteContext(t.Context()), says, command)
	}
}

// stopped is a context that has ended: a process that starts with it ends once it has started.
func stopped(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
