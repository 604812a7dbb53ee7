package redisurl_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/redisurl"
)

func TestConnectionsAreCounted(t *testing.T) {
	t.Parallel()
	client, err := redisurl.Open(redisurl.Config{URL: stacktest.Redis(t).URL()})
	require.NoError(t, err)
	defer client.Close()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(redisurl.NewPoolMetrics(client))
	require.NoError(t, client.Ping(t.Context()).Err())
	require.NoError(t, client.Ping(t.Context()).Err())
	found, err := testutil.GatherAndCount(reg)
	require.NoError(t, err)
	require.Equal(t, 8, found)
	families, err := reg.Gather()
	require.NoError(t, err)
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			key := family.GetName()
			for _, l := range m.GetLabel() {
				key += " " + l.GetValue()
			}
			values[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	require.InDelta(t, 1, values["rohrpost_redis_pool_connections idle"], 0)
	require.InDelta(t, 0, values["rohrpost_redis_pool_connections acquired"], 0)
	require.InDelta(t, 1, values["rohrpost_redis_pool_acquires_total miss"], 0)
	require.GreaterOrEqual(t, values["rohrpost_redis_pool_acquires_total hit"], 1.0)
}
