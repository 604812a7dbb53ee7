package cli

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"rohrpost/internal/fault"
)

// password is ADMIN_PASSWORD, or the first line of in. It is never an argument: those can be read by everybody on the
// machine.
func (s shell) password(in io.Reader) (string, error) {
	if password := s.env["ADMIN_PASSWORD"]; password != "" {
		return password, nil
	}
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && (line == "" || !errors.Is(err, io.EOF)) {
		return "", fault.Wrap(err, fault.Invalid, "there is no password: set ADMIN_PASSWORD, or give one on the input")
	}
	return strings.TrimRight(line, "\r\n"), nil
}
