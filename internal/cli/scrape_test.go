package cli

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/config"
)

// away is a figure that can't be had now, as of a database that doesn't answer.
type away struct{ desc *prometheus.Desc }

func (a away) Describe(ch chan<- *prometheus.Desc) { ch <- a.desc }

func (a away) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(a.desc, errors.New("connection refused"))
}

func TestAFigureThatCantBeHadDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	p := shell{env: config.Env{}, log: slog.New(slog.DiscardHandler)}.newProcess()
	t.Cleanup(func() { require.NoError(t, p.close(nil)) })
	p.registry.MustRegister(away{prometheus.NewDesc("rohrpost_away", "Not to be had.", nil, nil)})
	require.NoError(t, p.serveMetrics(t.Context(), metricsConfig{Addr: "127.0.0.1:0"}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.metricsAt+"/metrics", nil)
	require.NoError(t, err)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Contains(t, string(page), "rohrpost_build_info")
	require.NotContains(t, string(page), "\nrohrpost_away")
}
