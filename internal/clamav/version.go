package clamav

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"rohrpost/internal/fault"
)

// versionTimeout is for an answer that the daemon has at hand; one that loads its signatures anew may pause for seconds.
const versionTimeout = 10 * time.Second

// Version asks the daemon for its engine and its signatures, as in "ClamAV 1.4.3/27500/Wed Jul 30 08:35:09 2025". Without
// the database that ClamAV publishes, the engine is all it names. A scan that is begun afterwards uses these signatures
// or newer ones. Errors: unavailable.
func (s *Scanner) Version(ctx context.Context) (string, error) {
	ctx, end := context.WithTimeout(ctx, min(versionTimeout, s.timeout))
	defer end()
	answer, err := s.ask(ctx, "zVERSION\x00")
	if err != nil {
		return "", fault.Wrap(err, fault.Unavailable, "The virus scanner does not tell its version.")
	}
	if answer == "" || strings.HasPrefix(answer, "UNKNOWN COMMAND") || strings.HasPrefix(answer, "COMMAND UNAVAILABLE") {
		return "", fault.New(fault.Unavailable, "The virus scanner does not tell its version.")
	}
	return answer, nil
}

// ask sends a command and returns the first line of the answer.
func (s *Scanner) ask(ctx context.Context, command string) (string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, s.network, s.address)
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()                                      //nolint:errcheck // the answer is all that matters
	defer context.AfterFunc(ctx, func() { conn.Close() })() //nolint:errcheck // it ends the read below
	if _, err := conn.Write([]byte(command)); err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	answer, err := bufio.NewReader(conn).ReadString(0)
	if err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	return strings.TrimRight(answer, "\x00\r\n "), nil
}
