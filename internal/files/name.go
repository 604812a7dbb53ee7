package files

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"rohrpost/internal/fault"
)

// maxNameBytes is what the file systems take that a download may end on.
const maxNameBytes = 255

// checkName refuses names that are no plain file name. A name is only ever data here, but it is shown to people and
// given to their browsers, which are not all as careful.
func checkName(name string) error {
	switch {
	case name == "":
		return fault.New(fault.Invalid, "The file has no name.")
	case len(name) > maxNameBytes:
		return fault.New(fault.Invalid, "The file's name is over %d bytes.", maxNameBytes)
	case !utf8.ValidString(name):
		return fault.New(fault.Invalid, "The file's name is not UTF-8.")
	case name == "." || name == "..":
		return fault.New(fault.Invalid, "The file's name is that of a folder.")
	case strings.ContainsAny(name, `/\`):
		return fault.New(fault.Invalid, "The file's name has a slash or backslash.")
	case strings.ContainsFunc(name, steers):
		return fault.New(fault.Invalid, "The file's name has control characters.")
	}
	return nil
}

// steers tells characters that change how the text around them is read: controls, line and paragraph separators, and
// those that turn the direction of writing, which make "annexe.jpg" of "ann\u202egpj.exe". The mere marks of direction
// are common in honest names.
func steers(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' ||
		r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}
