package accounts

import (
	"net/http"

	"rohrpost/internal/fault"
)

// The codes of this package, beside the general ones.
var (
	CodeCredentials = fault.Register("invalid_credentials",
		fault.Class{Status: http.StatusUnauthorized, Title: "Login failed"})
	CodeEmailTaken = fault.Register("email_taken",
		fault.Class{Status: http.StatusConflict, Title: "Address taken"})
	CodeRegistrationClosed = fault.Register("registration_closed",
		fault.Class{Status: http.StatusForbidden, Title: "Registration closed"})
	CodeVerified = fault.Register("address_verified",
		fault.Class{Status: http.StatusConflict, Title: "Address confirmed already"})
	CodeLink = fault.Register("link_not_valid",
		fault.Class{Status: http.StatusBadRequest, Title: "Link not valid"})
)

// What the package refuses in fixed words. Compare with errors.Is.
var (
	// ErrCredentials doesn't tell whether the address or the password was wrong.
	ErrCredentials error = fault.New(CodeCredentials, "The address or the password is wrong.")
	// ErrEmailTaken: there is an account with this address.
	ErrEmailTaken error = fault.New(CodeEmailTaken, "There is an account with this address already.")
	// ErrRegistrationClosed: REGISTRATION_CLOSED is set.
	ErrRegistrationClosed error = fault.New(CodeRegistrationClosed, "Registration is closed here.")
	// ErrPasswordNeeded: [Service.EnsureAdmin] has to make an account and was given no password for it.
	ErrPasswordNeeded error = fault.New(fault.Invalid, "There is no such account yet; it needs a password.")
	// ErrVerified: the address needs no other verification.
	ErrVerified error = fault.New(CodeVerified, "This address is confirmed already.")
	// ErrLink doesn't tell whether the token of a mail never was one, was used, or has expired.
	ErrLink error = fault.New(CodeLink, "This link is not valid, or not any more; ask for another one.")
	// ErrNoMail: there is no mail server to send by.
	ErrNoMail error = fault.New(fault.Unavailable, "This server sends no mail; ask an administrator.")
	// ErrBusy: as many passwords wait to be hashed as may.
	ErrBusy error = fault.New(fault.Unavailable, "Too many are logging in right now; try again in some seconds.")
)

// unauthorized says the same whatever is wrong with a token; the log gets to know.
func unauthorized(cause error) error {
	return fault.Wrap(cause, fault.Unauthorized, "The token is not valid, or not any more; log in again.")
}
