package api_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"rohrpost/internal/blob/blobtest"

	"github.com/stretchr/testify/require"
)

// event is a server-sent event as a client sees it.
type event struct{ id, typ, data string }

// feed is an open event stream.
type feed struct {
	t      testing.TB
	header http.Header
	body   io.Closer
	lines  *bufio.Reader
	cancel context.CancelFunc
	last   string // the last id, as an EventSource keeps it
}

// listen opens an event stream, going on after last unless it is empty.
func (s *site) listen(u user, path, last string) *feed {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), patience)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	require.NoError(s.t, err)
	req.Header.Set("Authorization", "Bearer "+u.tokens.AccessToken)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := s.client.Do(req)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, res.StatusCode)
	require.Equal(s.t, "text/event-stream", res.Header.Get("Content-Type"))
	f := &feed{t: s.t, header: res.Header, body: res.Body, lines: bufio.NewReader(res.Body), cancel: cancel, last: last}
	s.t.Cleanup(f.close)
	return f
}

func (f *feed) close() {
	f.cancel()
	_ = f.body.Close()
}

// read returns the next event, or io.EOF at the end of the stream. Comments and the retry hint are left out.
func (f *feed) read() (event, error) {
	var e event
	var data []string
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			return event{}, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && len(data) > 0:
			e.data = strings.Join(data, "\n")
			return e, nil
		case line == "":
			e = event{}
		case name == "id":
			e.id, f.last = value, value
		case name == "event":
			e.typ = value
		case name == "data":
			data = append(data, value)
		}
	}
}

func (f *feed) next() event {
	f.t.Helper()
	e, err := f.read()
	require.NoError(f.t, err)
	return e
}

// until reads up to and including the first event of one of the types.
func (f *feed) until(types ...string) []event {
	f.t.Helper()
	var got []event
	for {
		e := f.next()
		got = append(got, e)
		for _, typ := range types {
			if e.typ == typ {
				return got
			}
		}
	}
}

// rest reads until the stream ends.
func (f *feed) rest() []event {
	f.t.Helper()
	var got []event
	for {
		e, err := f.read()
		if errors.Is(err, io.EOF) {
			return got
		}
		require.NoError(f.t, err)
		got = append(got, e)
	}
}

// stored are the files in the storage's folder.
func (h *house) stored() []string {
	h.t.Helper()
	return blobtest.Keys(h.t, h.folder)
}

func regexpOf(t testing.TB, pattern, text string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotNil(t, found, "%s in %s", pattern, text)
	return found[1]
}
