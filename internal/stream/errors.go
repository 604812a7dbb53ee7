package stream

import "rohrpost/internal/fault"

// What the package refuses. Compare with errors.Is; each carries a code of package fault.
var (
	// ErrFenced: a writer with a higher epoch has taken the stream over. Stop working, the job is not yours any more.
	ErrFenced error = fault.New(fault.Conflict, "The stream was taken over by a newer run.")
	// ErrEnded: the stream has its final event and takes no more until the job runs again with a higher epoch.
	ErrEnded error = fault.New(fault.Conflict, "The stream has ended.")
	// ErrBadID: the id to resume after is not an id of this package.
	ErrBadID error = fault.New(fault.Invalid, "The last event id is malformed.")
	// ErrBadEntry: an entry can't be appended as it is; the wrapping error names the reason.
	ErrBadEntry error = fault.New(fault.Invalid, "The event is malformed.")
	// ErrSlow: the reader was cut off because it didn't keep up. Subscribe again after the last id it got.
	ErrSlow error = fault.New(fault.RateLimited, "The reader is too slow and was cut off.")
	// ErrStopped: the hub isn't running. Subscribe again, here after the start or at another process.
	ErrStopped error = fault.New(fault.Unavailable, "Live events are being shut down.")
	// ErrClosed: the subscription was closed by its owner.
	ErrClosed error = fault.New(fault.Cancelled, "The subscription is closed.")
)
