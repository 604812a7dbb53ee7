package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// snooze is the error of a handler that wants to be called again later.
type snooze struct{ after time.Duration }

func (s snooze) Error() string { return fmt.Sprintf("snoozed for %s", s.after) }

// Snooze, returned by a handler, runs the job again after d without counting the attempt: for work that waits for
// something else without holding a slot.
func Snooze(d time.Duration) error { return snooze{max(d, 0)} }

// backoff is the wait before the attempt after the given one: exponential with full jitter, so that jobs that failed
// together don't come back together.
func (c Config) backoff(attempt int) time.Duration {
	most := c.RetryCap
	if shift := attempt - 1; c.RetryBase < most>>shift { // so that nothing overflows
		most = c.RetryBase << shift
	}
	return rand.N(most)
}

// verdict is what becomes of a job after an attempt that did not succeed.
type verdict struct {
	retry  bool
	delay  time.Duration
	back   int32 // attempts given back
	code   fault.Code
	detail string
}

// level is how loudly the log tells of a job that failed for it: an error is what we did wrong, or what stayed away for
// longer than the job could wait. What was asked for and can't be had is the asker's.
func (v verdict) level() slog.Level {
	if class := fault.ClassOf(v.code); class.Retryable || class.Status == http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelWarn
}

func (c Config) judge(err error, attempt, maxAttempts int) verdict {
	var later snooze
	if errors.As(err, &later) {
		return verdict{retry: true, delay: later.after, back: 1}
	}
	if fault.CodeOf(err) == fault.Internal && db.Down(err) {
		err = fault.Wrap(err, fault.Unavailable, "The database does not answer.")
	}
	if errors.Is(err, context.Canceled) && fault.CodeOf(err) == fault.Cancelled {
		// Not the job: whoever cancels that is asked before. It is something that the handler leaned on.
		err = fault.Wrap(err, fault.Unavailable, "Something that the job needed was cut off.")
	}
	code := fault.CodeOf(err)
	v := verdict{code: code, detail: fault.Message(err)}
	if fault.ClassOf(code).Retryable && attempt < maxAttempts {
		v.retry, v.delay = true, c.backoff(attempt)
	}
	return v
}
