package clamav

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	clamd "github.com/dutchcoders/go-clamd"
)

// errHungUp is a daemon that took the connection and left it without an answer.
var errHungUp = errors.New("the connection ended without a result")

// stream sends source through go-clamd and returns the lines of the answer. It returns soon after ctx ends and leaves
// no goroutine and no connection.
func (s *Scanner) stream(ctx context.Context, source *watched) ([]string, error) {
	abort := make(chan bool)
	hangUp := sync.OnceFunc(func() { close(abort) })
	defer hangUp()
	// It closes the connection under a write or read that waits for the daemon.
	defer context.AfterFunc(ctx, hangUp)()
	source.failed = hangUp
	results, err := clamd.NewClamd(s.libraryAddress()).ScanStream(source, abort)
	if err != nil && !source.asked {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if err != nil {
		return nil, errors.Join(errHungUp, err)
	}
	var lines []string
	for r := range results { // ends when the connection does: the daemon closes it, or hangUp
		lines = append(lines, r.Raw)
	}
	if len(lines) == 0 {
		return nil, errHungUp
	}
	return lines, nil
}

// watched is the source of a scan. It remembers what go-clamd would forget.
type watched struct {
	ctx    context.Context
	r      io.Reader
	limit  int64
	failed func() // called at the first error, so that the daemon never sees the end of half a file

	asked bool
	n     int64
	err   error
}

func (w *watched) Read(p []byte) (int, error) {
	w.asked = true
	if w.ctx.Err() != nil {
		return 0, io.EOF
	}
	n, err := w.r.Read(p)
	w.n += int64(n)
	if w.n > w.limit && (err == nil || errors.Is(err, io.EOF)) {
		err = fmt.Errorf("more than the %d bytes it should have", w.limit)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
		w.failed()
	}
	return n, err
}
