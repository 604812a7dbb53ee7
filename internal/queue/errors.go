package queue

import "rohrpost/internal/fault"

// What ends a run from outside. [context.Cause] of a handler's context is one of them; compare with errors.Is.
var (
	// ErrCancelled: somebody cancelled the job. Stop; what was made so far may be kept where that is useful.
	ErrCancelled error = fault.New(fault.Cancelled, "The job was cancelled.")
	// ErrTimeout: the attempt took longer than its kind allows.
	ErrTimeout error = fault.New(fault.Timeout, "The job took longer than its kind allows.")
	// ErrHandedBack: the worker shuts down and gives the job back; it starts again elsewhere.
	ErrHandedBack error = fault.New(fault.Unavailable, "The worker is shutting down and gave the job back.")
	// ErrLost: the job belongs to somebody else by now, or is over. Nothing this run writes counts any more.
	ErrLost error = fault.New(fault.Conflict, "The job is not this run's any more.")
)

// The finer codes of jobs that failed.
var (
	// Poison is the code of a job that was set aside because its worker died with it time and again.
	Poison = fault.Register("poison", fault.Class{Status: 500, Title: "Job set aside"})
	// Panicked is the code of a job whose handler panicked.
	Panicked = fault.Register("panic", fault.Class{Status: 500, Title: "Handler panicked"})
	// Ended is the code of asking something of a job that is over, or not over yet.
	Ended = fault.Register("job_state", fault.Class{Status: 409, Title: "Not possible in this state"})
)
