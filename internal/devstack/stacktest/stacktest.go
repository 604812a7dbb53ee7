// Package stacktest gives tests the real servers of package devstack. What can be shared is started once per test
// process, when the first test asks; what a test may break is its own. A missing server fails the test with a sentence
// that says what to install: a guarantee that was not tested must not look green.
//
// A package that uses it has
//
//	func TestMain(m *testing.M) { stacktest.Main(m) }
package stacktest

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"rohrpost/internal/devstack"
)

// MaxScanBytes is the limit of the shared clamd: small, so that a test can exceed it cheaply.
const MaxScanBytes = 8 << 20

const startWithin = 2 * time.Minute // all test packages of a run may be starting servers at once

// shared is what the tests of this process have in common.
var shared struct {
	mu       sync.Mutex // guards the rest
	stack    *devstack.Stack
	postgres once[*devstack.Postgres]
	clamd    once[*devstack.Clamd]
	ollama   once[*devstack.Ollama]
}

// once keeps the first outcome, good or bad, so that a missing server costs its start once and not for each test.
type once[T any] struct {
	sync.Once
	server T
	err    error
}

func (o *once[T]) get(t testing.TB, start func(ctx context.Context) (T, error)) T {
	t.Helper()
	o.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), startWithin)
		defer cancel()
		o.server, o.err = start(ctx)
	})
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.server
}

// Main runs the tests of a package, stops the shared servers, fails a green run that leaked goroutines, and exits.
func Main(m *testing.M, options ...goleak.Option) {
	goleak.VerifyTestMain(runner{m}, options...)
}

// runner stops the servers between the tests and goleak's look at the goroutines.
type runner struct{ m *testing.M }

func (r runner) Run() int {
	code := r.m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.stack != nil {
		if err := shared.stack.Close(); err != nil {
			slog.New(slog.NewTextHandler(os.Stderr, nil)).Error("stop the servers of the tests", "error", err)
			return max(code, 1)
		}
	}
	return code
}

// stack opens the shared one.
func stack(t testing.TB) *devstack.Stack {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.stack == nil {
		var err error
		if shared.stack, err = devstack.OpenInMemory(slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	return shared.stack
}

// Own opens a stack for one test alone, in which it may stop, freeze and kill what it likes. It is closed at the end of
// the test.
func Own(t testing.TB) *devstack.Stack {
	t.Helper()
	s, err := devstack.Open("", slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close stack: %v", err)
		}
	})
	return s
}
