// Package fault gives every error that crosses a package border a stable code, a sentence a person can act on, and a
// cause for the log. Two edges read the code: HTTP turns it into a status and a problem document (RFC 9457), the job
// queue decides by it whether trying again can help.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Code names a class of error. Codes are part of the public contract: clients branch on them, so they never change
// their meaning. A package may define finer codes of its own with [Register].
type Code string

// The general codes. A capability adds its own beside its rules.
const (
	Invalid      Code = "invalid"      // the request can never succeed as it is
	Unauthorized Code = "unauthorized" // no valid credentials
	Forbidden    Code = "forbidden"    // known, but not allowed
	NotFound     Code = "not_found"    // not there, or not yours
	Conflict     Code = "conflict"     // the state of the thing does not allow it now
	TooLarge     Code = "too_large"    // over a size limit
	RateLimited  Code = "rate_limited" // too many requests; later they will pass
	Unavailable  Code = "unavailable"  // something we depend on is down; trying again helps
	Timeout      Code = "timeout"      // it took longer than allowed; trying again may help
	Cancelled    Code = "cancelled"    // somebody asked to stop it
	Internal     Code = "internal"     // our own mistake; the cause is logged, never shown
	Media        Code = "unsupported_media_type"
	IdemMismatch Code = "idempotency_mismatch" // the key was used before with another body
)

// Error is an error with a code. Build it with [New] or [Wrap]; read it with [CodeOf] and [Message].
type Error struct {
	Code    Code
	Message string // one sentence for the caller, without secrets
	Cause   error  // for the log; may be nil
}

// New makes an error with a code and a sentence for the caller.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an error with a code and a sentence for the caller, and keeps cause for the log.
func Wrap(cause error, code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Error returns the sentence and, after it, the cause: a text for logs, not for callers.
func (e *Error) Error() string {
	if e.Cause == nil {
		return e.Message
	}
	return e.Message + ": " + e.Cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// CodeOf returns the code of the outermost coded error in err's chain. Context errors count as [Timeout] and
// [Cancelled]; anything else without a code is [Internal]; nil has the empty code.
func CodeOf(err error) Code {
	var coded *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &coded):
		return coded.Code
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case errors.Is(err, context.Canceled):
		return Cancelled
	}
	return Internal
}

// Message returns the sentence meant for the caller, or a neutral one where err carries none.
func Message(err error) string {
	var coded *Error
	if errors.As(err, &coded) && coded.Code != Internal {
		return coded.Message
	}
	switch CodeOf(err) {
	case Timeout:
		return "It took longer than allowed."
	case Cancelled:
		return "It was cancelled."
	}
	return "Something went wrong on our side."
}
