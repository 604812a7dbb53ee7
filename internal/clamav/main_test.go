package clamav_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/clamav"
	"rohrpost/internal/devstack/stacktest"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func scanner(t *testing.T, cfg clamav.Config) *clamav.Scanner {
	t.Helper()
	s, err := clamav.New(cfg)
	require.NoError(t, err)
	return s
}

func scan(t *testing.T, s *clamav.Scanner, content []byte) (clamav.Verdict, error) {
	t.Helper()
	return s.Scan(t.Context(), bytes.NewReader(content), int64(len(content)))
}

// relay passes connections on to a daemon and cuts the first ones after so many bytes.
func relay(t *testing.T, to string, cuts int, after int64) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				client.Close()
				continue
			}
			up := io.Reader(client)
			if n < cuts {
				up = io.LimitReader(client, after)
			}
			wg.Go(func() {
				io.Copy(server, up)
				client.Close()
				server.Close()
			})
			wg.Go(func() {
				io.Copy(client, server)
				client.Close()
				server.Close()
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}

// mute is a daemon that does with each connection what answer says.
func mute(t *testing.T, answer func(conn net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				answer(conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return l.Addr().String()
}
