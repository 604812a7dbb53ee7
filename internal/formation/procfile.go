package formation

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"rohrpost/internal/fault"
)

// Line is a process type of a Procfile.
type Line struct {
	Name    string
	Command string // for the shell
}

// A name as foreman takes it.
var line = regexp.MustCompile(`^([A-Za-z0-9_-]+):\s*(.+)$`)

// Procfile reads the lines of a Procfile, `name: command` each. Empty ones and comments are left out; what else there is
// can't be meant, and is an error.
func Procfile(r io.Reader) ([]Line, error) {
	var lines []Line
	in := bufio.NewScanner(r)
	for n := 1; in.Scan(); n++ {
		text := strings.TrimSpace(in.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		match := line.FindStringSubmatch(text)
		if match == nil {
			return nil, fault.New(fault.Invalid, "line %d of the Procfile is not of the form name: command", n)
		}
		if slices.ContainsFunc(lines, func(l Line) bool { return l.Name == match[1] }) {
			return nil, fault.New(fault.Invalid, "line %d of the Procfile names %s a second time", n, match[1])
		}
		lines = append(lines, Line{match[1], match[2]})
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the Procfile: %w", err)
	}
	return lines, nil
}
