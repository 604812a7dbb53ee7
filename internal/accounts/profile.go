package accounts

import (
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"rohrpost/internal/fault"
)

const (
	maxEmailBytes     = 254 // what a mail server takes in an envelope (RFC 5321, erratum 1690)
	maxNameRunes      = 100
	minPasswordBytes  = 8
	maxPasswordBytes  = 256
	minPasswordUnlike = 3 // fewer different characters than that is a key that was held down
)

// cleanEmail returns the one spelling under which an address is stored and looked up.
func cleanEmail(email string) (string, error) {
	refused := fault.New(fault.Invalid, "This is not a mail address of at most %d bytes.", maxEmailBytes)
	email = strings.TrimSpace(email)
	if len(email) > maxEmailBytes || !printable(email) {
		return "", refused
	}
	email = norm.NFC.String(strings.ToLower(norm.NFC.String(email))) // lower-casing alone may undo the normal form
	parsed, err := mail.ParseAddress(email)
	// Whatever mail takes beyond name@host (a display name, comments, quotes) it returns in another spelling. An IP
	// address for a host is a way to reach a machine, not a person.
	if err != nil || parsed.Address != email || strings.HasSuffix(email, "]") || len(email) > maxEmailBytes {
		return "", refused
	}
	return email, nil
}

// cleanName returns a display name without surrounding space.
func cleanName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if !printable(name) || !strings.ContainsFunc(name, unicode.IsPrint) || utf8.RuneCountInString(name) > maxNameRunes {
		return "", fault.New(fault.Invalid, "A name has 1 to %d characters and no control characters.", maxNameRunes)
	}
	return norm.NFC.String(name), nil
}

// cleanPassword returns the form of a new password that is hashed, or why it can't be one for email.
func cleanPassword(password, email string) (string, error) {
	if len(password) < minPasswordBytes || len(password) > maxPasswordBytes || !printable(password) {
		return "", fault.New(fault.Invalid, "A password has %d to %d bytes and no control characters.",
			minPasswordBytes, maxPasswordBytes)
	}
	unlike := map[rune]bool{}
	for _, r := range password {
		unlike[r] = true
	}
	if len(unlike) < minPasswordUnlike || strings.EqualFold(password, email) {
		return "", fault.New(fault.Invalid, "This password is too easy to guess.")
	}
	return samePassword(password), nil
}

// samePassword makes one of the ways in which keyboards may encode a character.
func samePassword(password string) string { return norm.NFC.String(password) }

// printable refuses what a text on one line has no use for: bytes that are no UTF-8, control characters, line breaks,
// and the marks that turn the direction of the text around it.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
	})
}
