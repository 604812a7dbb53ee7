package api_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
)

func (s *site) accepted(u user, name, content string) api.UploadAccepted {
	s.t.Helper()
	var up api.UploadAccepted
	s.upload(u, name, content).want(http.StatusAccepted).into(&up)
	return up
}

func TestAFileIsUploadedSeenAndDeletedByItsOwnerOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, bob := s.user(), s.user()
	up := s.accepted(ada, "Grüße & <b>.txt", "hello")
	require.Equal(t, "processing", up.Status)
	path := "/api/files/" + up.ID.String()

	var file api.File
	s.send(request{path: path, as: &ada}).want(http.StatusOK).into(&file)
	sum := sha256.Sum256([]byte("hello"))
	require.Equal(t, "Grüße & <b>.txt", file.Name)
	require.Equal(t, hex.EncodeToString(sum[:]), file.Sha256)
	require.EqualValues(t, 5, file.Size)
	require.Equal(t, "processing", file.Status)
	require.Nil(t, file.ContentURL)
	require.Equal(t, up.JobID, s.job(ada, up.JobID).ID)

	for _, r := range []request{
		{path: path}, {path: path + "/content"}, {path: path + "/thumbnails/small"}, {method: "DELETE", path: path},
	} {
		r.as = &bob
		s.send(r).problem(404, "not_found")
	}
	var page api.FilePage
	s.send(request{path: "/api/files", as: &bob}).want(http.StatusOK).into(&page)
	require.Empty(t, page.Items)
	s.send(request{path: "/api/files?limit=1", as: &ada}).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 1)
	require.Nil(t, page.Next)

	s.send(request{method: "DELETE", path: path, as: &ada}).want(http.StatusNoContent)
	s.send(request{path: path, as: &ada}).problem(404, "not_found")
}

func TestNoByteIsServedBeforeAFileIsClean(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	up := s.accepted(ada, "a.txt", "hello")
	content := request{path: "/api/files/" + up.ID.String() + "/content", as: &ada}
	for _, status := range []string{"processing", "quarantined", "refused", "failed"} {
		s.exec("UPDATE files SET status = $1", status)
		s.send(content).problem(409, "file_not_clean")
	}
	s.exec("UPDATE files SET status = 'clean'")
	require.Equal(t, "hello", string(s.send(content).want(http.StatusOK).body))
}

func TestDownloadsAreSafeAndResumable(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	text := strings.Repeat("0123456789", 10000)
	up := s.accepted(ada, `Grüße "x".html`, text)
	s.exec("UPDATE files SET status = 'clean'")
	get := func(header ...string) *answer {
		r := request{path: "/api/files/" + up.ID.String() + "/content", as: &ada, header: map[string]string{}}
		for i := 0; i < len(header); i += 2 {
			r.header[header[i]] = header[i+1]
		}
		if r.header["method"] != "" {
			r.method = r.header["method"]
		}
		return s.send(r)
	}
	whole := get().want(http.StatusOK)
	require.Equal(t, text, string(whole.body))
	require.Equal(t, "sandbox; default-src 'none'; frame-ancestors 'none'", whole.header.Get("Content-Security-Policy"))
	require.Equal(t, "nosniff", whole.header.Get("X-Content-Type-Options"))
	require.Contains(t, whole.header.Get("Cache-Control"), "private")
	disposition, params, err := mime.ParseMediaType(whole.header.Get("Content-Disposition"))
	require.NoError(t, err)
	require.Equal(t, "attachment", disposition)
	require.Equal(t, `Grüße "x".html`, params["filename"])
	etag := whole.header.Get("ETag")
	sum := sha256.Sum256([]byte(text))
	require.Equal(t, `"`+hex.EncodeToString(sum[:])+`"`, etag)

	for _, c := range []struct{ ask, answer, part string }{
		{"bytes=0-9", "bytes 0-9/100000", "0123456789"},
		{"bytes=99995-", "bytes 99995-99999/100000", "56789"},
		{"bytes=-3", "bytes 99997-99999/100000", "789"},
		{"bytes=99998-200000", "bytes 99998-99999/100000", "89"},
	} {
		part := get("Range", c.ask).want(http.StatusPartialContent)
		require.Equal(t, c.part, string(part.body))
		require.Equal(t, c.answer, part.header.Get("Content-Range"))
	}
	require.Equal(t, "bytes */100000", func() string {
		a := get("Range", "bytes=100000-")
		a.problem(416, "range_not_satisfiable")
		return a.header.Get("Content-Range")
	}())
	for _, r := range []string{"bytes=0-1,5-6", "lines=1-2"} {
		require.Len(t, get("Range", r).want(http.StatusOK).body, len(text))
	}
	require.Len(t, get("Range", "bytes=0-9", "If-Range", etag).want(http.StatusPartialContent).body, 10)
	require.Len(t, get("Range", "bytes=0-9", "If-Range", `"other"`).want(http.StatusOK).body, len(text))
	for _, tags := range []string{etag, `"x", W/` + etag, "*"} {
		require.Empty(t, get("If-None-Match", tags).want(http.StatusNotModified).body)
	}
	get("If-None-Match", `"other"`).want(http.StatusOK)
	head := get("method", "HEAD").want(http.StatusOK)
	require.Empty(t, head.body)
	require.Equal(t, "100000", head.header.Get("Content-Length"))
	require.Equal(t, etag, head.header.Get("ETag"))
}

func TestAThumbnailIsShownInline(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	up := s.accepted(ada, "a.png", "not really")
	s.exec("UPDATE files SET status = 'clean', thumbnail_status = 'ready'")
	s.exec(`INSERT INTO thumbnails (file_id, name, width, height, size, media_type, blob_key)
		SELECT id, 'small', 10, 20, 10, 'image/png', blob_key FROM files`)
	var file api.File
	s.send(request{path: "/api/files/" + up.ID.String(), as: &ada}).want(http.StatusOK).into(&file)
	require.Len(t, file.Thumbnails, 1)
	thumb := s.send(request{path: file.Thumbnails[0].URL, as: &ada}).want(http.StatusOK)
	require.Equal(t, "image/png", thumb.header.Get("Content-Type"))
	require.Contains(t, thumb.header.Get("Content-Disposition"), "inline")
	require.Len(t, thumb.body, 10)
	s.send(request{path: file.Thumbnails[0].URL + "x", as: &ada}).problem(404, "not_found")
}

func TestAnAbortedUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	s := newHouse(t).open(api.Config{UploadPause: 200 * time.Millisecond})
	ada := s.user()
	begin := func(declared int) net.Conn {
		conn, err := net.Dial("tcp", s.addr)
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = fmt.Fprintf(conn, "POST /api/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n"+
			"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n%s",
			ada.tokens.AccessToken, declared, strings.Repeat("x", 200<<10))
		require.NoError(t, err)
		return conn
	}
	gone := begin(500 << 10)
	eventually(t, "the upload has begun", func() bool { return len(s.stored()) > 0 })
	require.NoError(t, gone.Close())
	eventually(t, "nothing is left", func() bool { return len(s.stored()) == 0 })

	silent := begin(500 << 10)
	raw, err := io.ReadAll(silent)
	require.NoError(t, err)
	require.Contains(t, string(raw), "408")
	require.Contains(t, string(raw), `"code":"request_timeout"`)
	require.NoError(t, silent.Close())
	require.Empty(t, s.stored())
	require.Zero(t, s.count("SELECT count(*) FROM files"))
}

// An upload over the limit is told so also to a client that first sends everything and then looks for an answer.
func TestTooLargeIsToldAlsoToAClientThatIsStillSending(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada := s.user()
	for range 5 {
		s.upload(ada, "a", strings.Repeat("x", 16<<20)).problem(413, "too_large")
	}
	require.Empty(t, s.stored())
}

// The real program takes a gigabyte in the same memory, in package acceptance; here the race detector looks at each byte.
func TestALargeUploadTakesLittleMemory(t *testing.T) { //nolint:paralleltest // it measures the process
	const size, most = 64 << 20, 32 << 20
	h := newHouse(t)
	h.files.MaxBytes = 2 * size
	s := h.open(api.Config{})
	ada := s.user()
	s.upload(ada, "warm", strings.Repeat("x", 1<<20)).want(http.StatusAccepted)
	debug.FreeOSMemory()
	before, peak, done := resident(t), 0, make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, resident(t))
			case <-done:
				return
			}
		}
	}()
	head, tail := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"big\"\r\n\r\n", "\r\n--b--\r\n"
	body := io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, size), strings.NewReader(tail))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/files", body)
	require.NoError(t, err)
	req.ContentLength = int64(len(head) + size + len(tail))
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	req.Header.Set("Authorization", "Bearer "+ada.tokens.AccessToken)
	began := time.Now()
	res, err := s.client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	close(done)
	<-watched
	require.Equal(t, http.StatusAccepted, res.StatusCode)
	t.Logf("64 MiB in %s; resident memory rose by %d KiB, server and client together",
		time.Since(began).Round(time.Millisecond), (peak-before)>>10)
	require.Less(t, peak-before, most)
	require.Equal(t, 1, s.count("SELECT count(*) FROM files WHERE size = $1", size))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// resident is the memory of this process in bytes.
func resident(t testing.TB) int {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil { // no Linux: what Go has from the system
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.Sys - m.HeapReleased)
	}
	var total, pages int
	if _, err := fmt.Sscan(string(raw), &total, &pages); err != nil {
		t.Error(err)
	}
	return pages * os.Getpagesize()
}
