package openai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"rohrpost/internal/fault"
)

// Refused is the code of what the service does not let us do: a wrong key, no permission, no credit. Somebody has to
// see to it; asking again changes nothing.
var Refused = fault.Register("tuning_refused", fault.Class{Status: 502, Title: "Refused by the model service"})

// maxSaid bounds what is passed on of the service's own words.
const maxSaid = 500

// wait is the cause of an error whose answer said when to come back.
type wait struct {
	after time.Duration
	cause error
}

func (w wait) Error() string { return fmt.Sprintf("%s (try again after %s)", w.cause, w.after) }
func (w wait) Unwrap() error { return w.cause }

// RetryAfter is how long the service asked to be left alone with the answer that became err, 0 if it said nothing.
func RetryAfter(err error) time.Duration {
	var w wait
	if errors.As(err, &w) {
		return w.after
	}
	return 0
}

// classify gives an error its code and a sentence. raw is the answer, nil if there was none.
func (c *Client) classify(err error, raw *http.Response) error {
	var said *sdk.Error
	errors.As(err, &said)
	status := 0
	switch {
	case said != nil:
		status = said.StatusCode
	case raw != nil && raw.StatusCode >= 400: // with a body that is not the one it should have
		status = raw.StatusCode
	}
	if status != 0 {
		return c.classifyStatus(err, status, said, raw)
	}
	var streamed *ssestream.StreamError
	var own *fault.Error
	switch {
	case errors.As(err, &own): // of what we sent: the content of an upload
		return own
	case errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(err, fault.Timeout, "The model service did not answer in time.")
	case errors.As(err, &streamed):
		return fault.Wrap(errors.New(c.clean(streamed.Message, maxSaid)), fault.Unavailable,
			"The model service broke off its answer with an error.")
	case errors.Is(err, errTooMuch), raw != nil:
		return fault.Wrap(err, fault.Unavailable, "The model service gave an answer that can't be read.")
	}
	return fault.Wrap(err, fault.Unavailable, "The model service can't be reached, or broke off its answer.")
}

func (c *Client) classifyStatus(err error, status int, said *sdk.Error, raw *http.Response) error {
	words, code := "", ""
	if said != nil {
		words, code = strings.TrimSuffix(c.clean(said.Message, maxSaid), "."), said.Code
	}
	if words == "" {
		words = fmt.Sprintf("%d %s", status, http.StatusText(status))
	}
	if raw != nil {
		if after := retryAfter(raw.Header.Get("Retry-After")); after > 0 {
			err = wait{after, err}
		}
	}
	switch {
	case status == http.StatusUnauthorized:
		// Its own words quote the key.
		return fault.Wrap(err, Refused, "The model service does not accept the key in TUNING_API_KEY.")
	case status == http.StatusForbidden, status == http.StatusPaymentRequired, code == "insufficient_quota":
		return fault.Wrap(err, Refused, "The model service refuses: %s.", words)
	case status == http.StatusNotFound:
		return fault.Wrap(err, fault.NotFound, "The model service does not know that: %s.", words)
	case status == http.StatusTooManyRequests:
		return fault.Wrap(err, fault.RateLimited, "The model service has too many requests of ours.")
	case status == http.StatusRequestTimeout, status == http.StatusConflict, status >= 500:
		return fault.Wrap(err, fault.Unavailable, "The model service can't do that at the moment: %s.", words)
	case status == http.StatusRequestEntityTooLarge:
		return fault.Wrap(err, fault.TooLarge, "The model service takes no file of that size.")
	}
	return fault.Wrap(err, fault.Invalid, "The model service does not take that: %s.", words)
}

// retryAfter reads the header of this name: seconds, or a date.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseFloat(header, 64); err == nil {
		if seconds > 0 && seconds < (365*24*time.Hour).Seconds() {
			return time.Duration(seconds * float64(time.Second))
		}
		return 0
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
