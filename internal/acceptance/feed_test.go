package acceptance

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/stream/streamtest"
)

type event = streamtest.Event

var ofType = streamtest.OfType

// state is the data of an event of type state.
type state struct {
	JobID   string `json:"job_id"`
	State   string `json:"state"`
	Epoch   int64  `json:"epoch"`
	Attempt int    `json:"attempt"`
}

// feed reads an event stream.
type feed struct {
	*streamtest.Feed
	t     testing.TB
	close func()
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
	return &feed{streamtest.Read(u.t, res.Body, last), u.t, stop}, res.StatusCode
}

// runs waits for the job to run with an epoch above the given one, and returns that of the run.
func (f *feed) runs(above int64) int64 {
	f.t.Helper()
	var s state
	f.Until(func(e event) bool {
		if e.Type != "state" {
			return false
		}
		e.Into(f.t, &s)
		return s.State == "running" && s.Epoch > above
	})
	return s.Epoch
}

func isToken(e event) bool {
	return strings.HasPrefix(e.Data, `{"`) && strings.Contains(e.Data, `"token":`)
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
		case e.Type == "reload":
			b.Reset()
		case isToken(e):
			e.Into(t, &data)
			b.WriteString(data.Token)
		}
	}
	return b.String()
}
