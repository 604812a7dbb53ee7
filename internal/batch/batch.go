// Package batch joins what concurrent callers ask for into one exchange, without making anybody wait for company: a call
// that finds nothing under way goes at once, and those that come meanwhile go together next.
package batch

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Func does what was asked for, in that order, and returns as many answers. An error is the answer to all of them.
type Func[In, Out any] func(ctx context.Context, asked []In) ([]Out, error)

// Group joins calls. It is safe for concurrent use, and no goroutine of it runs while nobody calls.
type Group[In, Out any] struct {
	fn     Func[In, Out]
	most   int
	within time.Duration

	mu      sync.Mutex // guards the rest
	waiting []call[In, Out]
	flying  chan struct{} // closed when the exchanges under way are over; nil where there are none
}

type call[In, Out any] struct {
	in   In
	done func(Out, error)
}

// New makes a group whose exchanges carry at most so many calls and have so much time each.
func New[In, Out any](most int, within time.Duration, fn Func[In, Out]) *Group[In, Out] {
	return &Group[In, Out]{fn: fn, most: most, within: within}
}

// Do asks and waits for the answer. The exchange has a time limit of its own; that of one caller must not end the others'.
func (g *Group[In, Out]) Do(in In) (Out, error) {
	type answer struct {
		out Out
		err error
	}
	answered := make(chan answer, 1)
	g.Go(in, func(out Out, err error) { answered <- answer{out, err} })
	a := <-answered
	return a.out, a.err
}

// Go asks and has the answer given to done, which must not block and must not call Wait.
func (g *Group[In, Out]) Go(in In, done func(Out, error)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, call[In, Out]{in, done})
	if g.flying == nil {
		g.flying = make(chan struct{})
		go g.fly()
	}
}

// Len is how many calls wait for an exchange to begin.
func (g *Group[In, Out]) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

// Wait returns when nothing is under way, or ctx's error when that ends before.
func (g *Group[In, Out]) Wait(ctx context.Context) error {
	g.mu.Lock()
	flying := g.flying
	g.mu.Unlock()
	if flying == nil {
		return nil
	}
	select {
	case <-flying:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Group[In, Out]) fly() {
	for {
		calls := g.next()
		if calls == nil {
			return
		}
		g.exchange(calls)
	}
}

func (g *Group[In, Out]) next() []call[In, Out] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		close(g.flying)
		g.flying = nil
		return nil
	}
	n := min(len(g.waiting), g.most)
	calls := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return calls
}

func (g *Group[In, Out]) exchange(calls []call[In, Out]) {
	asked := make([]In, len(calls))
	for i, c := range calls {
		asked[i] = c.in
	}
	ctx, cancel := context.WithTimeout(context.Background(), g.within)
	defer cancel()
	answers, err := g.fn(ctx, asked)
	if err == nil && len(answers) != len(calls) {
		err = fmt.Errorf("%d answers to %d calls", len(answers), len(calls))
	}
	for i, c := range calls {
		var out Out
		if err == nil {
			out = answers[i]
		}
		c.done(out, err)
	}
}
