package devstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	probePoll  = 5 * time.Millisecond // redis-server is ready in about 20 ms
	probeBound = 2 * time.Second      // one try of the protocol; a server that accepts and says nothing is not ready
)

// await returns nil once the server answers, and the reason with its last lines when it won't.
func (p *Process) await(ctx context.Context, r *run) error {
	living, gone := context.WithCancel(ctx) // a stranger on our port may accept and never answer
	defer gone()
	go func() {
		select {
		case <-r.done:
			gone()
		case <-living.Done():
		}
	}()
	tick := time.NewTicker(probePoll)
	defer tick.Stop()
	last := errors.New("not asked yet")
	announced := false
	for {
		announced = announced || p.hasAnnounced(r)
		if announced {
			probeCtx, cancel := context.WithTimeout(living, probeBound)
			last = p.probe(probeCtx, address(p.port))
			cancel()
			if last == nil {
				return nil
			}
		}
		select {
		case <-r.done:
			said := logSince(p.LogFile(), r.from)
			if bytes.Contains(said, []byte("ddress already in use")) {
				return &portTakenError{port: p.port}
			}
			return fmt.Errorf("it ended early: %s", tail(said))
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w (%w): %s", ctx.Err(), last, tail(logSince(p.LogFile(), r.from)))
		case <-tick.C:
		}
	}
}

func (p *Process) hasAnnounced(r *run) bool {
	if p.announced == "" {
		return true
	}
	want := bytes.ReplaceAll([]byte(p.announced), []byte("%PORT%"), []byte(strconv.Itoa(p.port)))
	return bytes.Contains(logSince(p.LogFile(), r.from), want)
}

type portTakenError struct{ port int }

func (e *portTakenError) Error() string { return fmt.Sprintf("port %d is taken", e.port) }
