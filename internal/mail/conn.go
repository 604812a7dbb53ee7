package mail

import (
	"net"
	"sync"
	"time"
)

// endGrace is how long an exchange may go on after its context has ended. Mostly it is the server's last answer that we
// wait for, and leaving it unheard means to send the mail again. The engine gives a stopped handler 10 s.
const endGrace = 5 * time.Second

// conn bounds each read and write. The library bounds a whole exchange, which is too long for one answer and too short
// for all of them, and it doesn't know of contexts after the dial.
type conn struct {
	net.Conn

	mu     sync.Mutex // guards the rest
	each   time.Duration
	grace  time.Duration // how long what is under way may go on after the end
	ended  bool
	failed error // the first error, which the library's own errors don't wrap
}

func (c *conn) Read(b []byte) (int, error) {
	c.arm()
	n, err := c.Conn.Read(b)
	c.note(err)
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	c.arm()
	n, err := c.Conn.Write(b)
	c.note(err)
	return n, err
}

// SetDeadline ignores what the library wants.
func (c *conn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline ignores what the library wants.
func (c *conn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline ignores what the library wants.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

func (c *conn) arm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.Conn.SetDeadline(time.Now().Add(c.each)) //nolint:errcheck // it fails on a closed connection, as the read will
	}
}

// end lets what is under way go on for the grace, and no longer.
func (c *conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.ended = true
		c.Conn.SetDeadline(time.Now().Add(c.grace)) //nolint:errcheck // as above
	}
}

func (c *conn) allow(grace time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.grace = grace
}

func (c *conn) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
	}
}

func (c *conn) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}
