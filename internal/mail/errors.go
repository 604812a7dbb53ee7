package mail

import (
	"net/http"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"rohrpost/internal/fault"
)

// The codes of this package, beside the general ones.
var (
	// CodeRefused is a mail that the server will never take as it is, or a session that it refuses (5xx).
	CodeRefused = fault.Register("mail_refused",
		fault.Class{Status: http.StatusBadGateway, Title: "Mail refused"})
	// CodeAddressRefused is a recipient of whom the server says that there is none.
	CodeAddressRefused = fault.Register("mail_address_refused",
		fault.Class{Status: http.StatusBadGateway, Title: "Address refused"})
)

// ErrTooSoon is the answer to a mail that the recipient has just got, or got too often. Compare with errors.Is.
var ErrTooSoon error = fault.New(fault.RateLimited, "Such a mail is on its way already; look into the mailbox, or try again later.")

// aboutTheAddress tells a recipient that doesn't exist from a server that wants nothing of us: with its address lists, or
// a policy, it refuses all recipients alike, and none of them is to blame (RFC 3463).
func aboutTheAddress(code int, enhanced string) bool {
	switch {
	case enhanced == "5.1.7" || enhanced == "5.1.8": // the sender's address
		return false
	case enhanced != "":
		return strings.HasPrefix(enhanced, "5.1.") || enhanced == "5.2.1"
	}
	return code == 550 || code == 551 || code == 553
}

// withoutRecipient is the error's text without what the library adds to it: logs have ids, not addresses.
func withoutRecipient(err *gomail.SendError) string {
	text := err.Error()
	for _, added := range []string{", affected recipient(s): ", ", affected message ID: "} {
		text, _, _ = strings.Cut(text, added)
	}
	text = strings.TrimPrefix(text, err.Reason.String()+": ")
	if msg := err.Msg(); msg != nil {
		for _, to := range msg.GetTo() {
			text = strings.ReplaceAll(text, to.Address, "the recipient")
		}
	}
	return plain(text)
}

// plain is what a server said, without the quotes in which the standard library keeps it.
func plain(text string) string {
	if code, said, found := strings.Cut(text, " "); found {
		if unquoted, err := strconv.Unquote(said); err == nil {
			text = code + " " + unquoted
		}
	}
	return oneLine(text)
}
