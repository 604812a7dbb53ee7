package devstack_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack"
)

func TestPrometheusStartsWithItsRulesAndComesBackWhereItWas(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := open(t, folder(t))
	p, err := s.StartPrometheus(ctx, devstack.PrometheusOptions{
		Targets: map[string][]string{"api": {"127.0.0.1:1", "127.0.0.1:2"}},
		Rules:   map[string][]byte{"rules.yml": []byte("groups: [{name: a, rules: [{record: a, expr: up}]}]\n")},
	})
	require.NoError(t, err)
	at := p.URL()
	require.NoError(t, p.Stop(ctx))
	require.NoError(t, p.Start(ctx))
	require.Equal(t, at, p.URL())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+"/api/v1/rules", nil)
	require.NoError(t, err)
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)

	_, err = s.StartPrometheus(ctx, devstack.PrometheusOptions{Rules: map[string][]byte{"bad.yml": []byte("groups: 7\n")}})
	require.ErrorContains(t, err, "ended early")
}
