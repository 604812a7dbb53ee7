// Package formation keeps as many processes of each line of a Procfile running as it is told, as foreman's formation does,
// but with numbers that change meanwhile: it starts what is missing, stops what is too many in an orderly way, and starts
// again what ended by itself. None outlives it, also when it is killed.
package formation

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"rohrpost/internal/spawn"
)

// perLine is how many ports a line has: as many processes of it can run at once.
const perLine = 100

// Options say what is kept running.
type Options struct {
	Lines []Line
	Env   []string // of the processes, beside PORT
	// Port is the PORT of the first process of the first line; each further line begins 100 later, as with foreman.
	Port  int
	Grace time.Duration // for which a process may end in its orderly way, before it is killed
	Out   io.Writer     // gets what they say, each line after the name of its process
	Log   *slog.Logger
}

// Formation is processes by the lines that they come from. It is safe for concurrent use.
type Formation struct {
	opts   Options
	thread *spawn.Thread
	out    sync.Mutex // is held while a line is written

	mu      sync.Mutex // guards the rest
	crews   map[string][]*member
	closed  bool
	members sync.WaitGroup
}

// New makes a formation in which nothing runs. The caller closes it.
func New(opts Options) *Formation {
	return &Formation{opts: opts, thread: spawn.NewThread(), crews: map[string][]*member{}}
}

// Count is how many processes of a line are kept running. Those that are stopping don't count.
func (f *Formation) Count(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count(name)
}

func (f *Formation) count(name string) (n int) {
	for _, m := range f.crews[name] {
		if m != nil && !m.stopping() {
			n++
		}
	}
	return n
}

// Keep has n processes of a line running from now on, as soon as those that are stopping leave room for them. It waits for
// none to start or end. The youngest end first.
func (f *Formation) Keep(name string, n int) error {
	at := -1
	for i, l := range f.opts.Lines {
		if l.Name == name {
			at = i
		}
	}
	if at < 0 || n < 0 || n > perLine {
		return fmt.Errorf("keep %d of %s: there is no such line, or no room for so many", n, name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return spawn.ErrStopped
	}
	running := f.count(name)
	crew := f.crews[name]
	for i := len(crew) - 1; i >= 0 && running > n; i-- {
		if crew[i] != nil && !crew[i].stopping() {
			crew[i].stop()
			running--
		}
	}
	for place := 0; running < n && place < perLine; place++ {
		if place == len(crew) {
			crew = append(crew, nil)
		}
		if crew[place] != nil && !crew[place].ended() {
			continue // also one that is stopping: it has its port still
		}
		crew[place] = f.member(f.opts.Lines[at], f.opts.Port+at*perLine+place, place+1)
		running++
	}
	f.crews[name] = crew
	return nil
}

// Close stops all processes, waits until they have ended, and kills those that don't within the grace.
func (f *Formation) Close() {
	f.mu.Lock()
	closed := f.closed
	f.closed = true
	for _, crew := range f.crews {
		for _, m := range crew {
			if m != nil {
				m.stop()
			}
		}
	}
	f.mu.Unlock()
	f.members.Wait()
	if !closed {
		f.thread.Stop()
	}
}
