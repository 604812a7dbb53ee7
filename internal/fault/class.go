package fault

import "sync"

// Class tells the two edges how to treat a code.
type Class struct {
	Status    int    // the HTTP status of the answer
	Title     string // the problem document's title
	Retryable bool   // whether a job that ended with it is worth another attempt
}

var (
	classesMu sync.RWMutex // guards classes
	classes   = map[Code]Class{
		Invalid:      {400, "Invalid request", false},
		Unauthorized: {401, "Login needed", false},
		Forbidden:    {403, "Not allowed", false},
		NotFound:     {404, "Not found", false},
		Conflict:     {409, "Conflict", false},
		TooLarge:     {413, "Too large", false},
		Media:        {415, "Unsupported media type", false},
		IdemMismatch: {422, "Idempotency key used with another request", false},
		RateLimited:  {429, "Too many requests", true},
		Cancelled:    {499, "Cancelled", false},
		Internal:     {500, "Internal error", true},
		Unavailable:  {503, "Unavailable", true},
		Timeout:      {504, "Timed out", true},
	}
)

// Register adds a code with its class and returns it. It is meant for package variables; a code registered twice is a
// programming mistake and panics.
func Register(code Code, class Class) Code {
	classesMu.Lock()
	defer classesMu.Unlock()
	if _, taken := classes[code]; taken {
		panic("fault: code registered twice: " + string(code))
	}
	classes[code] = class
	return code
}

// ClassOf returns how to treat code; an unknown code is treated as [Internal].
func ClassOf(code Code) Class {
	classesMu.RLock()
	defer classesMu.RUnlock()
	if class, ok := classes[code]; ok {
		return class
	}
	return classes[Internal]
}

// Codes returns every registered code with its class, for documentation and for the contract test.
func Codes() map[Code]Class {
	classesMu.RLock()
	defer classesMu.RUnlock()
	out := make(map[Code]Class, len(classes))
	for code, class := range classes {
		out[code] = class
	}
	return out
}
