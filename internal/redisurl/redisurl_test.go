package redisurl_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/redisurl"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func open(t *testing.T, url string) redis.UniversalClient {
	t.Helper()
	client, err := redisurl.Open(redisurl.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	return client
}

func TestOneServerIsAPlainClient(t *testing.T) {
	t.Parallel()
	o := open(t, "rediss://ann:pw@cache.internal/3?read_timeout=2s").(*redis.Client).Options()
	require.Equal(t, "cache.internal:6379", o.Addr)
	require.Equal(t, "ann", o.Username)
	require.Equal(t, "pw", o.Password)
	require.Equal(t, 3, o.DB)
	require.Equal(t, 2*time.Second, o.ReadTimeout)
	require.NotNil(t, o.TLSConfig)
}

func TestAClusterIsReachedByAnyOfItsNodes(t *testing.T) {
	t.Parallel()
	o := open(t, "redis+cluster://ann:p%40w@a,b:7001,[::1]?pool_size=7").(*redis.ClusterClient).Options()
	require.Equal(t, []string{"a:6379", "b:7001", "[::1]:6379"}, o.Addrs)
	require.Equal(t, "ann", o.Username)
	require.Equal(t, "p@w", o.Password)
	require.Equal(t, 7, o.PoolSize)
	require.Nil(t, o.TLSConfig)
}

func TestACommandReachesARealServer(t *testing.T) {
	t.Parallel()
	client := open(t, stacktest.Redis(t).URL())
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	require.Equal(t, "v", client.Get(t.Context(), "k").Val())
}

func TestAnAddressThatCannotBeReadIsNamedWithoutItsPassword(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"":                                       "is not set",
		"localhost:6379":                         "no scheme",
		"http://:hunter2@host":                   "invalid URL scheme: http",
		"redis+magic://:hunter2@host":            "none of",
		"redis://:hunter2@host/letters":          "invalid database number",
		"redis://:hunter2@host:port":             "invalid port",
		"redis+sentinel://:hunter2@host":         "names no master",
		"redis+sentinel://:hunter2@host,,b/mail": "empty place",
		"redis+sentinel://:hunter2@h/mail/x":     "invalid database number",
		"redis+sentinel://:hunter2@h/mail?odd=1": "unexpected option: odd",
		"redis+cluster://:hunter2@host/1":        "no numbered databases",
		"redis+cluster://:hunter2%zz@host":       "invalid URL escape",
	} {
		_, err := redisurl.Open(redisurl.Config{URL: address})
		require.ErrorContains(t, err, says, address)
		require.ErrorContains(t, err, "REDIS_URL")
		require.NotContains(t, err.Error(), "hunter2")
		require.Equal(t, fault.Invalid, fault.CodeOf(err))
	}
}
