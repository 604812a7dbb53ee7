package redisurl_test

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
)

const sentinelPassword = "sesame"

func TestSentinelLeadsToTheMaster(t *testing.T) {
	t.Parallel()
	// Given a master and a Sentinel that watches it, each with its own password
	master, err := url.Parse(stacktest.Redis(t).URL())
	require.NoError(t, err)
	password, _ := master.User.Password()
	address := startSentinel(t, "mail", master.Host, password)
	// When a client is opened on the Sentinel, a dead one before it in the list
	client := open(t, fmt.Sprintf("redis+sentinel://:%s@127.0.0.1:1,%s/mail/2?sentinel_password=%s&dial_timeout=1s",
		password, address, sentinelPassword))
	// Then it talks to the master, in the database that was named
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	direct := open(t, "redis://:"+password+"@"+master.Host+"/2")
	require.Equal(t, "v", direct.Get(t.Context(), "k").Val())
}

func TestAClusterOfOneNodeIsServed(t *testing.T) {
	t.Parallel()
	node := stacktest.Redis(t, "cluster-enabled yes")
	direct := open(t, node.URL())
	require.NoError(t, direct.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err())
	client := open(t, "redis+cluster://"+strings.TrimSuffix(strings.TrimPrefix(node.URL(), "redis://"), "/0"))
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.NoError(c, client.Set(t.Context(), "k", "v", 0).Err())
	}, 10*time.Second, 20*time.Millisecond)
	require.IsType(t, &redis.ClusterClient{}, client)
}

// startSentinel runs a real Redis Sentinel until the end of the test and returns its address once it knows the master.
func startSentinel(t *testing.T, name, master, password string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	host, port, err := net.SplitHostPort(master)
	require.NoError(t, err)
	_, own, err := net.SplitHostPort(address)
	require.NoError(t, err)
	conf := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil,
		"bind 127.0.0.1\nport %s\nrequirepass %s\nsentinel monitor %s %s %s 1\nsentinel auth-pass %s %s\n",
		own, sentinelPassword, name, host, port, name, password), 0o600))
	cmd := exec.Command("redis-server", conf, "--sentinel")
	// The signal belongs to the thread that forks, which ends with this goroutine at the latest.
	runtime.LockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	client := open(t, "redis://:"+sentinelPassword+"@"+address)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		require.NoError(c, client.Do(t.Context(), "sentinel", "get-master-addr-by-name", name).Err())
	}, 10*time.Second, 20*time.Millisecond)
	return address
}
