package acceptance

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/url"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/stream"
)

const (
	idleReaders = 2000
	idleUsers   = 20
	// idleMost is a generous bound on what one of them may cost, in KiB.
	idleMost = 64
)

func TestTwoThousandIdleReadersAreCheapAndAllAreTold(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	site, elsewhere := p.api(), p.api()
	p.scheduler()
	people := make([]user, idleUsers)
	for n := range people {
		people[n] = join(t, elsewhere).at(site)
	}
	dialMany(t, site, people, 100) // what the first ones bring along is not theirs alone

	before := site.memory("RssAnon")
	began := time.Now()
	readers := dialMany(t, site, people, idleReaders)
	took := time.Since(began)
	each := float64(site.memory("RssAnon")-before) / idleReaders
	t.Logf("%d idle event streams: %.1f KiB each (from %d KiB on), opened in %.1f s", idleReaders, each, before, took.Seconds())
	require.Less(t, each, float64(idleMost))

	began = time.Now()
	for _, u := range people {
		u.uploaded("note.txt", []byte("a note"))
	}
	for _, c := range readers {
		// Of the upload, or on a machine that is too busy to subscribe them all at once, that they have to look.
		awaitText(t, c, "event: ")
	}
	t.Logf("an event reached all of them within %.1f s", time.Since(began).Seconds())
}

// dialMany opens event streams, in turns for each of the people, and returns when they have begun.
func dialMany(t *testing.T, site *child, people []user, n int) []net.Conn {
	t.Helper()
	conns := make([]net.Conn, n)
	var opening errgroup.Group
	opening.SetLimit(16)
	for i := range conns {
		opening.Go(func() error {
			c, err := dialEvents(site, people[i%len(people)], 0)
			conns[i] = c
			return err
		})
	}
	err := opening.Wait()
	t.Cleanup(func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	})
	require.NoError(t, err)
	for _, c := range conns {
		awaitText(t, c, "retry: ")
	}
	return conns
}

// dialEvents asks for the stream of everything of a user, on a bare connection, with a receive buffer of the given size
// unless that is 0.
func dialEvents(site *child, u user, buffer int) (net.Conn, error) {
	at, err := url.Parse(site.url())
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		if buffer == 0 {
			return nil
		}
		// Before it connects: the window is agreed upon then.
		var failed error
		err := raw.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, buffer)
		})
		if err != nil {
			return err
		}
		return failed
	}}
	c, err := dialer.Dial("tcp", at.Host)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET /api/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", at.Host, u.token)
	return c, err
}

// awaitText reads until text has come.
func awaitText(t *testing.T, c net.Conn, text string) {
	t.Helper()
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	var got []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(got, []byte(text)) {
		n, err := c.Read(buf)
		require.NoError(t, err, "%q", got)
		got = append(got, buf[:n]...)
	}
}

func TestAReaderThatStopsReadingIsCutOffAndHurtsNobody(t *testing.T) {
	t.Parallel()
	const size, least, glance = 60_000, 400, 20
	p := open(t, settings{"API_WRITE_TIMEOUT": "1s"})
	site := p.api()
	u := p.visit(t, site)
	stuck, err := dialEvents(site, u, 4096)
	require.NoError(t, err)
	defer stuck.Close()
	good := u.listen("/api/events", "")
	eventually(t, func() bool { return u.gauge(site, "rohrpost_stream_open") == "2" }, "both should be listening")
	before := site.memory("RssAnon")

	// A worker's part, with more to tell than any worker has: events as large as they come, one after the other.
	log := stream.New(p.client(), stream.Config{})
	data := []byte(`{"notice":"` + string(bytes.Repeat([]byte("x"), size)) + `"}`)
	var slowest time.Duration
	began, told, cut := time.Now(), 0, false
	for ; told < least || !cut; told++ {
		sent := time.Now()
		require.NoError(t, log.Append(t.Context(), 0, stream.Entry{Key: stream.User(u.id), Type: stream.TypeNotice, Data: data}))
		require.Equal(t, "notice", good.Next().Type)
		slowest = max(slowest, time.Since(sent))
		if told%glance == 0 {
			cut = u.gauge(site, "rohrpost_stream_open") == "1"
			require.Less(t, time.Since(began), patience, "it should have been cut off")
		}
	}
	grown := site.memory("RssAnon") - before
	t.Logf("%d events of %d kB: the slowest reached the other reader in %d ms, the api has %d KiB more",
		told, size/1000, slowest.Milliseconds(), grown)
	require.Less(t, slowest, time.Second)

	// Whoever reads on finds the end of what was sent before.
	require.NoError(t, stuck.SetReadDeadline(time.Now().Add(patience)))
	n, _ := io.Copy(io.Discard, stuck)
	require.Less(t, n, int64(told*size))
}
