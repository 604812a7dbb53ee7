package cli

import (
	"context"
	"log/slog"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/queue"
	"rohrpost/scheduler"
	"rohrpost/tasks"
)

// catalog is a registry that knows the names of what was registered, also before anything has been counted.
type catalog struct {
	*prometheus.Registry
	names map[string]bool
}

var fullName = regexp.MustCompile(`fqName: "([^"]+)"`)

func (c *catalog) MustRegister(all ...prometheus.Collector) {
	for _, one := range all {
		descs := make(chan *prometheus.Desc)
		go func() {
			defer close(descs)
			one.Describe(descs)
		}()
		for desc := range descs {
			c.names[fullName.FindStringSubmatch(desc.String())[1]] = true
		}
	}
	c.Registry.MustRegister(all...)
}

func (c *catalog) ours() (names []string) {
	for name := range c.names {
		if ourMetric.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var (
	ourMetric = regexp.MustCompile(`^(rohrpost|api|ai)_`)
	inTable   = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")
)

func TestEveryMetricIsOnItsPageAndEveryOneOnThePageIsShown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.env["AUTH_SECRET"] = strings.Repeat("metrics!", 4)
	p := shell{env: d.env, log: slog.New(slog.DiscardHandler)}.newProcess()
	all := &catalog{Registry: prometheus.NewRegistry(), names: map[string]bool{}}
	p.registry = all
	registerOwn(p.registry)
	ctx := context.WithoutCancel(t.Context())
	t.Cleanup(func() { require.NoError(t, p.close(nil)) })
	var cfg commonConfig
	require.NoError(t, p.load(apiNeeds, &cfg))
	h, err := p.openHouse(ctx, cfg.House)
	require.NoError(t, err)
	users, err := h.openAccounts(cfg.House.Accounts)
	require.NoError(t, err)
	p.startScheduler(ctx, h, scheduler.Config{})
	require.NoError(t, p.startWorker(ctx, h, queue.RunnerConfig{Queues: tasks.DefaultWeights()}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, p.serveAPI(ctx, h, users, api.Config{}, cfg.House.Stream, listener))

	page, err := os.ReadFile("../../docs/metrics.md")
	require.NoError(t, err)
	var told []string
	for _, match := range inTable.FindAllSubmatch(page, -1) {
		told = append(told, string(match[1]))
	}
	slices.Sort(told)
	require.Equal(t, slices.Compact(slices.Clone(told)), told, "each once")
	require.Equal(t, all.ours(), told)
	_, err = all.Gather()
	require.NoError(t, err)
}
