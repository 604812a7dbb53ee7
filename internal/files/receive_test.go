package files_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/thumbnail/imagetest"
)

// zeros yields n bytes and calls each before every piece.
type zeros struct {
	n    int64
	each func()
}

func (z *zeros) Read(p []byte) (int, error) {
	z.each()
	n := int(min(int64(len(p)), z.n))
	clear(p[:n])
	if z.n -= int64(n); z.n == 0 {
		return n, io.EOF
	}
	return n, nil
}

// Not parallel: it looks at the heap of the process.
func TestMemoryDoesNotGrowWithTheUpload(t *testing.T) {
	const size = 256 << 20
	h := storage(t, files.Config{MaxBytes: size})
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, peak, reads := heap(), uint64(0), 0
	up, err := h.Receive(t.Context(), "zeros", &zeros{size, func() {
		if reads++; reads%16 == 0 {
			peak = max(peak, heap())
		}
	}})
	require.NoError(t, err)
	require.EqualValues(t, size, up.Size)
	require.Less(t, peak, before+8<<20)
	t.Logf("heap %d KiB before, %d KiB at most", before>>10, peak>>10)
}

func TestAnUploadIsMeasuredHashedAndSniffed(t *testing.T) {
	t.Parallel()
	h := storage(t, files.Config{})
	for name, test := range map[string]struct {
		content   []byte
		mediaType string
	}{
		"a photo.txt":    {imagetest.Encoded(t, "jpeg", imagetest.Halves(50, 50)), "image/jpeg"},
		"page.jpg":       {[]byte("<!DOCTYPE html><script>alert(1)</script>"), "text/html; charset=utf-8"},
		"gif and script": {[]byte("GIF89a=1;alert(1)//" + strings.Repeat("x", 5000)), "image/gif"},
		"one byte":       {[]byte{0}, "application/octet-stream"},
		"short json":     {[]byte(`{"a":1}`), "application/json"},
		"long json":      {[]byte("[" + strings.Repeat("1234567,", 100_000) + "0]"), "application/json"},
	} {
		for _, body := range []io.Reader{bytes.NewReader(test.content), iotest.OneByteReader(bytes.NewReader(test.content))} {
			up, err := h.Receive(t.Context(), name, body)
			require.NoError(t, err)
			require.Equal(t, name, up.Name)
			require.EqualValues(t, len(test.content), up.Size)
			require.Equal(t, test.mediaType, up.MediaType)
			hash := sha256.Sum256(test.content)
			require.Equal(t, hash[:], up.SHA256)
			r, err := h.bucket.NewReader(t.Context(), files.UploadKey(up.ID), 0, -1)
			require.NoError(t, err)
			stored, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.Equal(t, test.content, stored)
			require.NoError(t, h.Discard(t.Context(), up))
		}
	}
	require.Empty(t, h.stored())
}

func TestUploadsThatLeaveNothing(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	h := storage(t, files.Config{MaxBytes: limit})
	slow := fault.New(fault.RateLimited, "too slow")
	broken := func(after int, err error) io.Reader {
		return io.MultiReader(bytes.NewReader(make([]byte, after)), iotest.ErrReader(err))
	}
	for name, test := range map[string]struct {
		body io.Reader
		code fault.Code
	}{
		"empty":               {strings.NewReader(""), files.Empty},
		"a byte too many":     {bytes.NewReader(make([]byte, limit+1)), fault.TooLarge},
		"far too many":        {&zeros{1 << 40, func() {}}, fault.TooLarge},
		"broken at once":      {broken(0, errors.New("reset")), fault.Invalid},
		"broken early":        {broken(10, io.ErrUnexpectedEOF), fault.Invalid},
		"broken midway":       {broken(50_000, io.ErrUnexpectedEOF), fault.Invalid},
		"broken with a code":  {broken(50_000, slow), fault.RateLimited},
		"broken at the limit": {broken(limit, slow), fault.RateLimited},
	} {
		_, err := h.Receive(t.Context(), name, test.body)
		require.Equal(t, test.code, fault.CodeOf(err), "%s: %v", name, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := h.Receive(ctx, "cancelled", &zeros{limit, cancel})
	require.Equal(t, fault.Cancelled, fault.CodeOf(err))
	require.Empty(t, h.stored())

	up, err := h.Receive(t.Context(), "exactly the limit", bytes.NewReader(make([]byte, limit)))
	require.NoError(t, err)
	require.EqualValues(t, limit, up.Size)
}

func TestNames(t *testing.T) {
	t.Parallel()
	h := storage(t, files.Config{})
	for _, name := range []string{
		"", ".", "..", "../../etc/passwd", "a/b", `C:\a`, "two\nlines", "nul\x00", "tab\t", "\xff\xfe", "sep\u2028arated",
		"ann\u202egpj.exe", strings.Repeat("x", 256), strings.Repeat("ü", 128),
	} {
		_, err := h.Receive(t.Context(), name, strings.NewReader("content"))
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", name)
	}
	require.Empty(t, h.stored())
	for _, name := range []string{
		"x", "...", ".hidden", "with spaces & 'quotes\";.tar.gz", "Übergröße.pdf", "写真.jpg", "👩‍👩‍👧.png",
		strings.Repeat("x", 255),
	} {
		file := h.upload(name, []byte("content"))
		require.Equal(t, name, file.Name)
	}
}

func TestARecordIsThereWithItsJobOrNotAtAll(t *testing.T) {
	t.Parallel()
	h := storage(t, files.Config{})
	up, err := h.Receive(t.Context(), "a", strings.NewReader("content"))
	require.NoError(t, err)
	gone := errors.New("rolled back")
	require.ErrorIs(t, db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		var w db.Writes
		_, err := h.Record(t.Context(), &w, h.owner, up)
		require.NoError(t, err)
		require.NoError(t, w.In(t.Context(), tx))
		return gone
	}), gone)
	_, err = h.Get(t.Context(), h.owner, up.ID)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	file := h.record(up)
	require.Equal(t, files.Processing, file.Status)
	job, err := db.New().JobByID(t.Context(), h.pool, file.JobID)
	require.NoError(t, err)
	require.Equal(t, "file:scan", job.Kind)
	require.Equal(t, h.owner, job.Owner)
	require.JSONEq(t, `{"file_id":"`+file.ID.String()+`"}`, string(job.Args))
}

func TestFilesAreTheirOwners(t *testing.T) {
	t.Parallel()
	h := storage(t, files.Config{})
	var ids []uuid.UUID
	for range 3 {
		ids = append([]uuid.UUID{h.upload("a", []byte("content")).ID}, ids...)
	}
	page, err := h.List(t.Context(), h.owner, uuid.Nil, 2)
	require.NoError(t, err)
	require.Equal(t, ids[:2], []uuid.UUID{page[0].ID, page[1].ID})
	page, err = h.List(t.Context(), h.owner, page[1].ID, 2)
	require.NoError(t, err)
	require.Len(t, page, 1)
	require.Equal(t, ids[2], page[0].ID)

	other := h.user("admin")
	page, err = h.List(t.Context(), other, uuid.Nil, 2)
	require.NoError(t, err)
	require.Empty(t, page)
	_, err = h.Get(t.Context(), other, ids[0])
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = h.Open(t.Context(), other, ids[0])
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = h.OpenThumbnail(t.Context(), other, ids[0], "small")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.Equal(t, fault.NotFound, fault.CodeOf(h.Delete(t.Context(), other, ids[0])))
	_, err = h.Open(t.Context(), h.owner, ids[0])
	require.Equal(t, files.NotClean, fault.CodeOf(err))
	require.Equal(t, 409, fault.ClassOf(files.NotClean).Status)

	require.NoError(t, h.Delete(t.Context(), h.owner, ids[0]))
	require.Equal(t, fault.NotFound, fault.CodeOf(h.Delete(t.Context(), h.owner, ids[0])))
	require.Equal(t, []string{"uploads", "uploads"}, h.stored())
	require.NoError(t, h.Ready(t.Context()))
}
