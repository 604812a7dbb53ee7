package chaos

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAFrontTurnsToAnotherServerAndCutsWhatWasThere(t *testing.T) {
	t.Parallel()
	f, err := newFront(announcing(t, 'a'))
	require.NoError(t, err)
	defer f.close()
	conn := reads(t, f, 'a')
	f.turn(announcing(t, 'b'))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	reads(t, f, 'b')
	f.turn("127.0.0.1:1") // nobody is there
	conn, err = net.Dial("tcp", f.address())
	require.NoError(t, err)
	defer conn.Close()
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.Error(t, err)
}

// announcing is a server that says its name and then nothing.
func announcing(t *testing.T, name byte) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte{name})
			go func() {
				_, _ = io.Copy(io.Discard, conn) // until the front hangs up
				conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func reads(t *testing.T, f *front, want byte) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", f.address())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	got := make([]byte, 1)
	_, err = io.ReadFull(conn, got)
	require.NoError(t, err)
	require.Equal(t, want, got[0])
	return conn
}
