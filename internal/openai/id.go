package openai

import (
	"strings"

	"rohrpost/internal/fault"
)

// identified checks an id of the service: it is stored, and becomes part of addresses.
func identified(id string) error {
	strange := func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '?' || r == '#' || r == '%' }
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, strange) || strings.Trim(id, ".") == "" {
		return fault.New(fault.Unavailable, "The model service answered without a usable id.")
	}
	return nil
}

// containsNUL tells whether JSON holds a NUL, as it is or escaped.
func containsNUL(raw string) bool {
	return strings.Contains(raw, "\x00") || strings.Contains(raw, `\u0000`)
}
