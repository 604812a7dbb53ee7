package queue

import (
	"context"
	"fmt"
	"time"
)

// The states of a job.
const (
	Queued    = "queued"
	Running   = "running"
	Succeeded = "succeeded"
	Failed    = "failed"
	Cancelled = "cancelled"
)

const (
	defaultMaxAttempts = 8
	defaultTimeout     = 5 * time.Minute
)

// Kind describes one kind of job whose arguments are an A. Kinds are package variables of the package tasks. A name
// never changes its meaning, since jobs under it are stored.
type Kind[A any] struct {
	Name  string // such as "file:scan"; matched exactly
	Queue string
	// MaxAttempts bounds the attempts that end in an error; 0 takes 8. Crashes and snoozes are counted apart.
	MaxAttempts int
	// Timeout bounds one attempt; 0 takes 5 minutes.
	Timeout time.Duration
	// PerOwner bounds the jobs of the kind that run at once for one owner; 0 is no bound.
	PerOwner int
	// PerKey bounds the jobs of the kind that run at once with one [LimitKey]; 0 is no bound. [KeyLimit] overrides it.
	PerKey int
}

func (k Kind[A]) maxAttempts() int {
	if k.MaxAttempts > 0 {
		return k.MaxAttempts
	}
	return defaultMaxAttempts
}

func (k Kind[A]) timeout() time.Duration {
	if k.Timeout > 0 {
		return k.Timeout
	}
	return defaultTimeout
}

// HandlerFunc runs one attempt of a job. A nil error ends the job as succeeded with the result, which must marshal to
// JSON; an error's code decides whether there is another attempt. ctx ends when the job is cancelled, runs out of time
// or belongs to somebody else; [context.Cause] tells which.
type HandlerFunc[A any] func(ctx context.Context, job *Job[A]) (result any, err error)

// Mux finds the handler of a kind by its exact name.
type Mux struct {
	bindings map[string]binding
}

type binding struct {
	kind    string
	queue   string
	timeout time.Duration
	run     func(ctx context.Context, run *Run) (any, error)
}

// NewMux returns a mux without handlers.
func NewMux() *Mux { return &Mux{bindings: map[string]binding{}} }

// Handle binds fn to kind. A kind bound twice is a programming mistake and panics.
func Handle[A any](mux *Mux, kind Kind[A], fn HandlerFunc[A]) {
	if _, taken := mux.bindings[kind.Name]; taken {
		panic("queue: kind bound twice: " + kind.Name)
	}
	mux.bindings[kind.Name] = binding{
		kind: kind.Name, queue: kind.Queue, timeout: kind.timeout(),
		run: func(ctx context.Context, run *Run) (any, error) {
			job := &Job[A]{Run: run}
			if err := run.decodeArgs(&job.Args); err != nil {
				return nil, err
			}
			return fn(ctx, job)
		},
	}
}

// Kinds returns the names of the kinds that are bound.
func (m *Mux) Kinds() []string {
	names := make([]string, 0, len(m.bindings))
	for name := range m.bindings {
		names = append(names, name)
	}
	return names
}

func (m *Mux) find(kind string) (binding, error) {
	b, ok := m.bindings[kind]
	if !ok {
		return binding{}, fmt.Errorf("no handler for kind %q on this worker", kind)
	}
	return b, nil
}
