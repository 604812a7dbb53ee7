package acceptance

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// event is a server-sent event. Its type is "message" where none is named.
type event struct{ id, typ, data string }

// into reads the data of an event.
func (e event) into(t testing.TB, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(e.data), v), "%+v", e)
}

// state is the data of an event of type state.
type state struct {
	JobID   string `json:"job_id"`
	State   string `json:"state"`
	Epoch   int64  `json:"epoch"`
	Attempt int    `json:"attempt"`
}

// feed reads an event stream.
type feed struct {
	t     testing.TB
	lines *bufio.Reader
	close func()
	last  string // the id to come back with
}

// listen opens an event stream, after the event last unless that is empty.
func (u user) listen(path, last string) *feed {
	u.t.Helper()
	f, status := u.tune(path, last)
	require.Equal(u.t, http.StatusOK, status, "%s after %q", path, last)
	return f
}

// tune is listen where the answer may be that nothing follows.
func (u user) tune(path, last string) (*feed, int) {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(u.t.Context(), 2*patience) // one stream is read over a whole test
	header := []string{"Accept", "text/event-stream"}
	if last != "" {
		header = append(header, "Last-Event-ID", last)
	}
	req, err := u.request(ctx, http.MethodGet, path, nil, header...)
	require.NoError(u.t, err)
	res, err := u.client.Do(req)
	require.NoError(u.t, err)
	stop := func() {
		cancel()
		_ = res.Body.Close()
	}
	u.t.Cleanup(stop)
	if res.StatusCode == http.StatusOK {
		require.Equal(u.t, "text/event-stream", res.Header.Get("Content-Type"))
	}
	return &feed{t: u.t, lines: bufio.NewReader(res.Body), close: stop, last: last}, res.StatusCode
}

// try returns the next event, or why there is none: io.EOF after an orderly end.
func (f *feed) try() (event, error) {
	e := event{typ: "message"}
	var data []string
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			return event{}, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && data != nil:
			e.data = strings.Join(data, "\n")
			return e, nil
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
	e, err := f.try()
	require.NoError(f.t, err)
	return e
}

// until reads up to the first event that will do, which is the last one returned.
func (f *feed) until(ok func(event) bool) []event {
	f.t.Helper()
	var all []event
	for {
		e := f.next()
		all = append(all, e)
		if ok(e) {
			return all
		}
	}
}

// rest reads to the end of the stream.
func (f *feed) rest() []event {
	f.t.Helper()
	var all []event
	for {
		e, err := f.try()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(f.t, err)
		all = append(all, e)
	}
}

// runs waits for the job to run with an epoch above the given one, and returns that of the run.
func (f *feed) runs(above int64) int64 {
	f.t.Helper()
	var s state
	f.until(func(e event) bool {
		if e.typ != "state" {
			return false
		}
		e.into(f.t, &s)
		return s.State == "running" && s.Epoch > above
	})
	return s.Epoch
}

func ofType(typ string) func(event) bool { return func(e event) bool { return e.typ == typ } }

func isToken(e event) bool {
	return strings.HasPrefix(e.data, `{"`) && strings.Contains(e.data, `"token":`)
}

// text joins the tokens of events, as a client does that forgets what it has when told that it starts again.
func text(t testing.TB, events []event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		var data struct {
			Token string `json:"token"`
			State string `json:"state"`
		}
		switch {
		case e.typ == "reload":
			b.Reset()
		case isToken(e):
			e.into(t, &data)
			b.WriteString(data.Token)
		}
	}
	return b.String()
}
