package mail

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"rohrpost/internal/fault"
)

const (
	maxAddressBytes = 254 // what a mail server takes in an envelope (RFC 5321, erratum 1690)
	maxLineRunes    = 200 // of a subject or a name: longer ones are nobody's good faith
)

// cleanAddress returns an address that is nothing but one: no name, no second one, no line break.
func cleanAddress(address string) (string, error) {
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || len(address) > maxAddressBytes || strings.ContainsFunc(address, breaks) ||
		!utf8.ValidString(address) || strings.ContainsAny(address, "<>\" ") {
		return "", fault.New(fault.Invalid, "This is not an address that mail can be sent to.")
	}
	return address, nil
}

// oneLine makes a text fit for a header: no line breaks, no control characters, nothing that turns the direction of the
// text around it, and an end.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if breaks(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > maxLineRunes {
		text = string([]rune(text)[:maxLineRunes-1]) + "…"
	}
	return text
}

func breaks(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}
