package api_test

import (
	"context"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/stream/streamtest"
)

type event = streamtest.Event

var ofType = streamtest.OfType

// feed is an open event stream.
type feed struct {
	*streamtest.Feed
	header http.Header
	close  func()
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
	stop := func() {
		cancel()
		_ = res.Body.Close()
	}
	s.t.Cleanup(stop)
	return &feed{streamtest.Read(s.t, res.Body, last), res.Header, stop}
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
