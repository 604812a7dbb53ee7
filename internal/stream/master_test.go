package stream

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

func TestAReaderThatHangsOnADemotedMasterCountsAtTheNewOne(t *testing.T) {
	t.Parallel()
	old, next := startRedis(t), startRedis(t)
	var master atomic.Pointer[redis.Options]
	master.Store(old.options())
	// One address for whichever is the master; connections that are there stay, as with a name or a virtual address.
	opts := old.options()
	opts.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, master.Load().Addr)
	}
	opts.CredentialsProvider = func() (string, string) { return master.Load().Username, master.Load().Password }
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	hub := startHub(t, rdb, Config{Ping: 50 * time.Millisecond, Poll: time.Hour})
	job := newJob()
	sub := subscribe(t, hub, job, "")
	watched := func(server *server) bool {
		found, err := New(server.client(), Config{}).Watched(within(t), job)
		return err == nil && found[0]
	}
	require.True(t, watched(old))

	master.Store(next.options())
	host, port, err := net.SplitHostPort(next.options().Addr)
	require.NoError(t, err)
	at := old.client()
	require.NoError(t, at.ConfigSet(within(t), "masterauth", next.options().Password).Err())
	require.NoError(t, at.Do(within(t), "REPLICAOF", host, port).Err())

	require.Eventually(t, func() bool { return watched(next) }, patience, 20*time.Millisecond)
	event, err := sub.Next(within(t))
	require.NoError(t, err)
	require.Equal(t, TypeReload, event.Type, "what was not told meanwhile is on record")
}
