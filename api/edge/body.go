package edge

import (
	"errors"
	"io"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"rohrpost/internal/fault"
)

// prefetched is how much of a body of known length fasthttp has read before the handler runs.
const prefetched = 8 << 10

// SlowRequest is the code of a request whose body doesn't come.
var SlowRequest = fault.Register("request_timeout",
	fault.Class{Status: fiber.StatusRequestTimeout, Title: "Request too slow"})

type bodyKey struct{}

// Body is the body of a request, read as it comes. It is only good inside the handler.
type Body struct {
	from    io.Reader
	conn    net.Conn
	left    int // bytes that must still come; -1 if the length isn't known
	patient time.Duration
	ended   bool
}

// BodyOf returns the body of the request. Each call returns the same one.
func BodyOf(c *fiber.Ctx) *Body {
	if b, ok := c.Locals(bodyKey{}).(*Body); ok {
		return b
	}
	b := &Body{from: c.Context().RequestBodyStream(), left: c.Request().Header.ContentLength(), conn: c.Context().Conn()}
	if b.from == nil || b.left == 0 {
		b.left, b.ended = 0, true
	}
	if b.left < 0 {
		b.left = -1
	}
	c.Locals(bodyKey{}, b)
	return b
}

// Patient lets the body take as long as it needs while it moves: only a pause longer than d ends it. Without it, all of
// the request has to come within the server's read timeout.
func (b *Body) Patient(d time.Duration) { b.patient = d }

// Read reads on. A client that goes away too early is [io.ErrUnexpectedEOF]; one that pauses for too long is
// [SlowRequest].
func (b *Body) Read(p []byte) (int, error) {
	if b.ended {
		return 0, io.EOF
	}
	if b.patient > 0 {
		if err := b.conn.SetReadDeadline(time.Now().Add(b.patient)); err != nil {
			return 0, io.ErrUnexpectedEOF
		}
	}
	n, err := b.from.Read(p)
	if b.left >= 0 {
		// fasthttp tells a lost connection and a complete body by the same io.EOF.
		b.left -= n
		if errors.Is(err, io.EOF) && b.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	var timeout net.Error
	switch {
	case err == nil && b.left == 0, errors.Is(err, io.EOF):
		b.ended = true
		return n, io.EOF
	case errors.As(err, &timeout) && timeout.Timeout():
		err = fault.Wrap(err, SlowRequest, "The body of the request did not come in time.")
	}
	return n, err
}

// settle sees to it that what is left of the body is not taken for the next request: fasthttp leaves it in the
// connection. A short rest is read, anything else ends the connection after the answer.
func settle(c *fiber.Ctx) {
	length := c.Request().Header.ContentLength()
	if c.Context().RequestBodyStream() == nil || length >= 0 && length <= prefetched {
		return
	}
	if body, ok := c.Locals(bodyKey{}).(*Body); ok && body.ended {
		return
	}
	c.Context().SetConnectionClose()
	if conn, ok := c.Context().Conn().(*Conn); ok {
		conn.Linger()
	}
}
