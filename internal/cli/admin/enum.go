package admin

import (
	"slices"
	"strings"

	"rohrpost/internal/cli/terminal"
)

// oneOf refuses the value of a flag that is none of those there are. An empty one was not given.
func oneOf(flag, given string, values ...string) error {
	if given == "" || slices.Contains(values, given) {
		return nil
	}
	return terminal.Misused("%s is %q; it may be %s.", flag, given, strings.Join(values, ", "))
}
