// Package streamtest reads event streams as their clients do.
package streamtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Event is a server-sent event. Its type is "message" where none is named.
type Event struct{ ID, Type, Data string }

// Into reads the data of an event.
func (e Event) Into(t testing.TB, v any) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(e.Data), v), "%+v", e)
}

// OfType tells whether an event has one of these types.
func OfType(types ...string) func(Event) bool {
	return func(e Event) bool { return slices.Contains(types, e.Type) }
}

// Feed reads an event stream.
type Feed struct {
	t     testing.TB
	Lines *bufio.Reader
	Last  string // the last id, as an EventSource keeps it, to come back with
}

// Read reads the stream of a body that goes on after the event last.
func Read(t testing.TB, body io.Reader, last string) *Feed {
	return &Feed{t: t, Lines: bufio.NewReader(body), Last: last}
}

// Try returns the next event, or why there is none: io.EOF after an orderly end. Comments and the retry hint are left out.
func (f *Feed) Try() (Event, error) {
	e := Event{Type: "message"}
	var data []string
	for {
		line, err := f.Lines.ReadString('\n')
		if err != nil {
			return Event{}, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && data != nil:
			e.Data = strings.Join(data, "\n")
			return e, nil
		case line == "":
			e = Event{Type: "message"}
		case name == "id":
			e.ID, f.Last = value, value
		case name == "event":
			e.Type = value
		case name == "data":
			data = append(data, value)
		}
	}
}

// Next is the next event, which there has to be.
func (f *Feed) Next() Event {
	f.t.Helper()
	e, err := f.Try()
	require.NoError(f.t, err)
	return e
}

// Until reads up to the first event that will do, which is the last one returned.
func (f *Feed) Until(ok func(Event) bool) []Event {
	f.t.Helper()
	var all []Event
	for {
		e := f.Next()
		all = append(all, e)
		if ok(e) {
			return all
		}
	}
}

// Rest reads to the end of the stream.
func (f *Feed) Rest() []Event {
	f.t.Helper()
	var all []Event
	for {
		e, err := f.Try()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(f.t, err)
		all = append(all, e)
	}
}
