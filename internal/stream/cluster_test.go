package stream

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// startCluster joins three real nodes and gives each a third of the slots.
func startCluster(t *testing.T) *redis.ClusterClient {
	t.Helper()
	var addrs []string
	var nodes []*redis.Client
	// The three have their own passwords, as all of the stack's; a cluster's client knows only one.
	const password = "shared"
	for i := range 3 {
		// The bus port is by default the port plus 10000, which may not exist for an ephemeral port.
		srv := startRedis(t, "cluster-enabled yes", "cluster-port "+strconv.Itoa(freePort(t)))
		require.NoError(t, srv.client().ConfigSet(t.Context(), "requirepass", password).Err())
		node := redis.NewClient(&redis.Options{Addr: srv.Address(), Password: password})
		t.Cleanup(func() { _ = node.Close() })
		addrs, nodes = append(addrs, srv.Address()), append(nodes, node)
		from, to := i*16384/3, (i+1)*16384/3-1
		require.NoError(t, nodes[i].ClusterAddSlotsRange(t.Context(), from, to).Err())
		if i > 0 {
			require.NoError(t, nodes[i].Do(t.Context(), "cluster", "meet", "127.0.0.1", portOf(t, nodes[0]),
				busPortOf(t, nodes[0])).Err())
		}
	}
	for _, n := range nodes {
		require.Eventually(t, func() bool {
			found, err := n.ClusterShards(t.Context()).Result()
			info, infoErr := n.ClusterInfo(t.Context()).Result()
			return err == nil && infoErr == nil && len(found) == 3 && len(info) > 0 &&
				info[:len("cluster_state:ok")] == "cluster_state:ok"
		}, patience, 20*time.Millisecond)
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs, Password: password})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func portOf(t *testing.T, n *redis.Client) string {
	t.Helper()
	return n.ConfigGet(t.Context(), "port").Val()["port"]
}

func busPortOf(t *testing.T, n *redis.Client) string {
	t.Helper()
	return n.ConfigGet(t.Context(), "cluster-port").Val()["cluster-port"]
}

func TestConformanceOnACluster(t *testing.T) {
	t.Parallel()
	conform(t, startCluster(t), 300)
}
