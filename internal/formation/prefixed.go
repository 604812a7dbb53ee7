package formation

import (
	"bytes"
	"io"
	"sync"
)

// longestLine is where a line is broken that a process doesn't end.
const longestLine = 64 << 10

// prefixed writes whole lines, each with a prefix. Several may share where they write to, by the lock.
type prefixed struct {
	to     io.Writer
	mu     *sync.Mutex
	prefix string
	rest   []byte // the beginning of a line
}

// Write implements [io.Writer]. A reader that is gone must not end the process that speaks, so it never fails.
func (p *prefixed) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, found := bytes.Cut(p.rest, []byte("\n"))
		switch {
		case found:
			p.rest = rest
		case len(p.rest) > longestLine:
			line, p.rest = p.rest, nil
		default:
			return len(b), nil
		}
		p.say(line)
	}
}

func (p *prefixed) say(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.to.Write(append(append([]byte(p.prefix), line...), '\n'))
}

// flush writes what has no end of its own.
func (p *prefixed) flush() {
	if len(p.rest) > 0 {
		p.say(p.rest)
		p.rest = nil
	}
}
