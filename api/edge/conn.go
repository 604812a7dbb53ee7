package edge

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// lingerTime is how long the rest of an unread body is taken in after the answer. Closing at once would make the
	// client's kernel throw the answer away, since data that nobody reads is answered with a reset.
	lingerTime = 2 * time.Second
	// DefaultWriteTimeout is how long a client may take to accept a chunk of its answer, a few kilobytes mostly.
	DefaultWriteTimeout = 30 * time.Second
)

// Listen gives the connections of ln their time limits. writeTimeout bounds each single write, not the whole answer: a
// long download may take as long as it moves, a client that has stopped reading is cut off. 0 takes 30 s.
func Listen(ln net.Listener, writeTimeout time.Duration) net.Listener {
	if writeTimeout <= 0 {
		writeTimeout = DefaultWriteTimeout
	}
	return &listener{Listener: ln, writeTimeout: writeTimeout}
}

type listener struct {
	net.Listener
	writeTimeout time.Duration
	close        sync.Once
	closed       error // guarded by close
}

// Close may be called twice: by a server that wants no more connections yet, and by fasthttp when it shuts down.
func (l *listener) Close() error {
	l.close.Do(func() { l.closed = l.Listener.Close() })
	return l.closed
}

func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, writeTimeout: l.writeTimeout}, nil
}

// Conn is a connection whose writes are bounded in time.
type Conn struct {
	net.Conn
	writeTimeout time.Duration
	linger       atomic.Bool
	stuck        atomic.Bool // a write has timed out
}

// Write fails with a timeout when the client doesn't take p in time. The connection is of no use then.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.writeTimeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.stuck.Store(true)
	}
	return n, err
}

// Close closes the connection. After [Conn.Linger] it first sends what was written and takes in for a moment what is
// still coming. What a client didn't take in time is thrown away: the kernel would keep megabytes of it for a quarter of
// an hour.
func (c *Conn) Close() error {
	if tcp, ok := c.Conn.(interface{ SetLinger(sec int) error }); ok && c.stuck.Load() {
		_ = tcp.SetLinger(0) // closing goes on without it
	} else if c.linger.Load() {
		if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil &&
			c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.Copy(io.Discard, c.Conn) // ends with the client or with the deadline
		}
	}
	return c.Conn.Close()
}

// Linger makes Close wait for a client that is still sending.
func (c *Conn) Linger() { c.linger.Store(true) }
