package api

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"rohrpost/api/edge"
	"rohrpost/internal/stream"
	"rohrpost/internal/tracing"
)

// reconnectAfter is how long an EventSource waits before it comes back.
const reconnectAfter = time.Second

// streams are the open event streams of a server.
type streams struct {
	ctx    context.Context // ended by stop
	cancel context.CancelFunc
	mu     sync.Mutex // guards stopped, and the growth of wg
	closed bool
	wg     sync.WaitGroup
}

func (s *streams) init() { s.ctx, s.cancel = context.WithCancel(context.Background()) }

// run runs fn on a goroutine of its own, unless the server is being shut down.
func (s *streams) run(fn func(ctx context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Go(func() { fn(s.ctx) })
	return true
}

// stopping reports whether no stream may begin any more.
func (s *streams) stopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// stop ends all streams and lets no new one begin.
func (s *streams) stop() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
}

// wait waits until all streams have ended; each is writing its last event at most.
func (s *streams) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the event streams: %w", ctx.Err())
	}
}

// eventWriter writes server-sent events to a connection. Events are collected until Flush.
type eventWriter struct {
	conn *edge.Conn
	buf  bytes.Buffer
	sent int
}

// Event adds an event. An empty id leaves the client's last one, an empty type is a plain message.
func (w *eventWriter) Event(id, typ string, data []byte) {
	if id != "" {
		w.buf.WriteString("id: " + id + "\n")
	}
	if typ != "" {
		w.buf.WriteString("event: " + typ + "\n")
	}
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		w.buf.WriteString("data: ")
		w.buf.Write(line)
		w.buf.WriteByte('\n')
	}
	w.buf.WriteByte('\n')
	w.sent++
}

// Heartbeat adds a comment: a sign of life, and the way to find out that the client has gone.
func (w *eventWriter) Heartbeat() { w.buf.WriteString(":\n\n") }

// Flush sends what was collected. It fails if the client doesn't take it in time.
func (w *eventWriter) Flush() error {
	if w.buf.Len() == 0 {
		return nil
	}
	_, err := w.conn.Write(w.buf.Bytes())
	w.buf.Reset()
	if w.buf.Cap() > flushAt {
		w.buf = bytes.Buffer{} // an idle stream keeps nothing
	}
	if err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}

// detach answers the request with an event stream, which follow writes to on a goroutine of its own after the handler
// has returned and fasthttp has let go of the connection with all its buffers.
func (s *Server) detach(c *fiber.Ctx, follow func(ctx context.Context, out *eventWriter) error) error {
	conn, ok := c.Context().Conn().(*edge.Conn)
	if !ok {
		return fmt.Errorf("event stream on a %T", c.Context().Conn())
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set("X-Accel-Buffering", "no")
	c.Context().SetConnectionClose()
	out := &eventWriter{conn: conn}
	out.buf.Write(c.Response().Header.Header())
	fmt.Fprintf(&out.buf, "retry: %d\n\n", reconnectAfter.Milliseconds())
	log := s.log.With("request_id", edge.RequestID(c), "method", fiber.MethodGet, "path", strings.Clone(c.Path()),
		"user", edge.Who(c).UserID, "ip", c.IP())
	if id := tracing.ID(c.UserContext()); id != "" {
		log = log.With("trace_id", id)
	}
	start := time.Now()
	edge.Detached(c)
	run := func(ctx context.Context) {
		defer conn.Close() //nolint:errcheck // nothing is left to do about it
		err := follow(ctx, out)
		s.ends.WithLabelValues(whyEnded(err)).Inc()
		log.LogAttrs(ctx, slog.LevelInfo, "stream", slog.Int("events", out.sent), slog.Duration("took", time.Since(start)),
			slog.Any("end", err))
	}
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(net.Conn) {
		if !s.streams.run(run) {
			_ = conn.Close()
		}
	})
	return nil
}

// hangUp closes the connection without an answer, while the server is being shut down: an EventSource takes any status
// but 200 for a reason to give up, and a lost connection for one to come back.
func (s *Server) hangUp(c *fiber.Ctx) error {
	conn := c.Context().Conn()
	edge.Detached(c)
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(net.Conn) { _ = conn.Close() })
	return nil
}

// FollowJob streams the events of a job of the user.
func (s *Server) FollowJob(c *fiber.Ctx, id ID, params FollowJobParams) error {
	if c.Method() != fiber.MethodGet {
		return fiber.ErrMethodNotAllowed
	}
	who := edge.Who(c)
	job, err := s.engine.Get(c.UserContext(), id, who.UserID)
	if err != nil {
		return fmt.Errorf("follow job: %w", err)
	}
	teller := &jobTeller{server: s, id: id, owner: who.UserID}
	f := &follower{server: s, session: who.SessionID, key: stream.Job(id), teller: teller}
	return s.follow(c, f, lastEventID(params.LastEventID, params.LastEventIDQuery), &job)
}

// FollowAll streams the events of everything of the user.
func (s *Server) FollowAll(c *fiber.Ctx, params FollowAllParams) error {
	if c.Method() != fiber.MethodGet {
		return fiber.ErrMethodNotAllowed
	}
	who := edge.Who(c)
	f := &follower{server: s, session: who.SessionID, key: stream.User(who.UserID), teller: plainTeller{}}
	after := lastEventID(params.LastEventID, params.LastEventIDQuery)
	if after == "" {
		after = stream.FromNow
	}
	return s.follow(c, f, after, nil)
}

// lastEventID returns a copy of the id to go on after: a reconnect's header tells more than the address, which an
// EventSource never changes.
func lastEventID(header *LastEventID, query *LastEventIDQuery) string {
	if id := text(header); id != "" {
		return id
	}
	return text(query)
}
