package mail_test

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// script is a mail server for what the real one can't be made to do: it says what it is told to, hangs, or hangs up.
// Without a word for a stage it is an obedient server.
type script struct {
	url    string
	says   func(stage string) string // the answer to a stage, see below; "" is the usual one
	mu     sync.Mutex                // guards the rest
	mails  []string                  // what came as DATA
	open   int                       // connections
	most   int
	closed bool
	conns  map[net.Conn]struct{}
}

// The stages: greeting, EHLO, MAIL, RCPT, DATA, dot, QUIT. Besides answers there are:
const (
	hang   = "hang"    // never answers
	hangUp = "hang up" // closes the connection
)

var usual = map[string]string{
	"greeting": "220 script", "EHLO": "250-script\r\n250 ENHANCEDSTATUSCODES", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok",
	"DATA": "354 go on", "dot": "250 2.0.0 taken", "QUIT": "221 2.0.0 bye", "RSET": "250 2.0.0 ok",
}

func play(t testing.TB, says func(stage string) string) *script {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &script{url: "smtp://" + l.Addr().String(), says: says, conns: map[net.Conn]struct{}{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.mu.Lock()
		s.closed = true
		for conn := range s.conns {
			_ = conn.Close()
		}
		s.mu.Unlock()
		wg.Wait()
	})
	return s
}

func (s *script) serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.conns[conn] = struct{}{}
	s.open++
	s.most = max(s.most, s.open)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, conn)
		s.open--
		s.mu.Unlock()
	}()
	lines := bufio.NewScanner(conn)
	if !s.answer(conn, "greeting") {
		return
	}
	var data []string
	inData := false
	for lines.Scan() {
		line := lines.Text()
		switch {
		case inData && line == ".":
			inData = false
			s.mu.Lock()
			s.mails = append(s.mails, strings.Join(data, "\n"))
			s.mu.Unlock()
			data = nil
			if !s.answer(conn, "dot") {
				return
			}
		case inData:
			data = append(data, line)
		default:
			verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
			if !s.answer(conn, verb) || verb == "QUIT" {
				return
			}
			inData = verb == "DATA"
		}
	}
}

func (s *script) answer(conn net.Conn, stage string) bool {
	said := s.says(stage)
	switch said {
	case "":
		said = usual[stage]
	case hangUp:
		return false
	case hang:
		_, _ = conn.Read(make([]byte, 1)) // until the other side or the test ends it
		return false
	}
	_, err := conn.Write([]byte(said + "\r\n"))
	return err == nil
}

func (s *script) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.mails...)
}

func (s *script) connections() (now, most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.most
}

// at says something at one stage.
func at(stage, said string) func(string) string {
	return func(now string) string {
		if now == stage {
			return said
		}
		return ""
	}
}
