package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// sse is an open stream of server-sent events, read with as little memory as ten thousand of them on one machine allow.
type sse struct {
	conn net.Conn
	in   *bufio.Reader
	typ  string // of the last event that had one: most have the same
	data []byte // of the last event
	long []byte // of the last line that in has no room for
}

// sseEvent is one event. Its data is good until the next one is read.
type sseEvent struct {
	id, typ string
	data    []byte
}

const (
	dialTimeout = 30 * time.Second // ten thousand come at once
	readSize    = 1 << 10
)

// follow opens a stream of the visitor, after the event last unless that is empty. It is open when follow returns.
func (v *visitor) follow(ctx context.Context, path, last string) (*sse, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", v.site.api.Address())
	if err != nil {
		return nil, err
	}
	s := &sse{conn: conn, in: bufio.NewReaderSize(conn, readSize)}
	if err := s.request(path, v.token, last); err != nil {
		conn.Close() //nolint:errcheck // given up
		return nil, fmt.Errorf("follow %s: %w", path, err)
	}
	return s, nil
}

func (s *sse) request(path, token, last string) error {
	if err := s.conn.SetDeadline(time.Now().Add(dialTimeout)); err != nil {
		return err
	}
	head := "GET " + path + " HTTP/1.1\r\nHost: bench.invalid\r\nAccept: text/event-stream\r\n" +
		"Authorization: Bearer " + token + "\r\n"
	if last != "" {
		head += "Last-Event-ID: " + last + "\r\n"
	}
	if _, err := s.conn.Write([]byte(head + "\r\n")); err != nil {
		return err
	}
	status, err := s.in.ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.Contains(status, " 200 ") {
		return fmt.Errorf("answered %q", strings.TrimSpace(status))
	}
	for { // the header, which ends with an empty line; then the first line of the stream, which says that it is open
		line, err := s.in.ReadBytes('\n')
		if err != nil {
			return err
		}
		if bytes.HasPrefix(line, []byte("retry:")) {
			return s.conn.SetDeadline(time.Time{})
		}
	}
}

// next waits for an event; comments are passed over. Closing ends the wait.
func (s *sse) next() (e sseEvent, err error) {
	e.typ = "message"
	for {
		line, err := s.line()
		if err != nil {
			return e, err
		}
		switch name, value, _ := bytes.Cut(line, []byte(": ")); {
		case len(line) == 0 && e.data != nil:
			s.data = e.data
			return e, nil
		case string(name) == "id":
			e.id = string(value)
		case string(name) == "event":
			if s.typ != string(value) {
				s.typ = string(value)
			}
			e.typ = s.typ
		case string(name) == "data":
			if e.data == nil {
				e.data = slices.Grow(s.data[:0], 1) // not nil, also where the data is empty
			}
			e.data = append(e.data, value...)
		}
	}
}

// line reads a line without its end. It is good until the next one is read.
func (s *sse) line() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		s.long = append(s.long[:0], line...)
		if line, err = s.in.ReadBytes('\n'); err == nil {
			s.long = append(s.long, line...)
			line = s.long
		}
	}
	return bytes.TrimSuffix(line, []byte("\n")), err
}

// until reads up to the first event that ok likes.
func (s *sse) until(within time.Duration, ok func(e sseEvent) bool) (sseEvent, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return sseEvent{}, err
	}
	return s.first(ok)
}

// first is until without a limit in time of its own.
func (s *sse) first(ok func(e sseEvent) bool) (sseEvent, error) {
	for {
		e, err := s.next()
		if err != nil || ok(e) {
			return e, err
		}
	}
}

func (s *sse) close() { s.conn.Close() } //nolint:errcheck // only read
