package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/blob"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func open(t *testing.T) (*blob.Bucket, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "made by open")
	url, err := blob.FileURL(dir)
	require.NoError(t, err)
	b, err := blob.Open(t.Context(), blob.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b, dir
}

func read(t *testing.T, b *blob.Bucket, key string, offset, length int64) string {
	t.Helper()
	r, err := b.NewReader(t.Context(), key, offset, length)
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return string(content)
}

func TestWhatWasPutIsReadAndReplaced(t *testing.T) {
	t.Parallel()
	b, dir := open(t)
	require.NoError(t, b.Put(t.Context(), "uploads/a", "text/plain", strings.NewReader("the first")))
	require.NoError(t, b.Put(t.Context(), "uploads/a", "text/plain", strings.NewReader("the second")))
	require.Equal(t, "the second", read(t, b, "uploads/a", 0, -1))
	require.Equal(t, "sec", read(t, b, "uploads/a", 4, 3))
	require.Equal(t, []string{"uploads/a"}, blobtest.Keys(t, dir))
	info, err := os.Stat(filepath.Join(dir, "uploads"))
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o077, "other users of the machine can look inside")
}

func TestASourceThatFailsMidwayLeavesNothing(t *testing.T) {
	t.Parallel()
	b, dir := open(t)
	require.NoError(t, b.Put(t.Context(), "old", "", strings.NewReader("stays")))
	broken := errors.New("the line is dead")
	for _, key := range []string{"new", "old"} {
		source := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), iotest.ErrReader(broken))
		err := b.Put(t.Context(), key, "", source)
		var read *blob.ReadError
		require.ErrorAs(t, err, &read)
		require.ErrorIs(t, err, broken)
	}
	require.Equal(t, []string{"old"}, blobtest.Keys(t, dir))
	require.Equal(t, "stays", read(t, b, "old", 0, -1))
}

func TestACancelledPutLeavesNothing(t *testing.T) {
	t.Parallel()
	b, dir := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	// The context ends when everything has been read and nothing but the publishing is left to do.
	last := readerFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF })
	err := b.Put(ctx, "new", "", io.MultiReader(strings.NewReader("all of it"), last))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, fault.Cancelled, fault.CodeOf(err))
	require.Empty(t, blobtest.Keys(t, dir))
}

func TestMissingBlobs(t *testing.T) {
	t.Parallel()
	b, _ := open(t)
	_, err := b.NewReader(t.Context(), "nothing", 0, -1)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	require.NoError(t, b.Put(t.Context(), "b", "", strings.NewReader("x")))
	require.NoError(t, b.Delete(t.Context(), "a", "b", "b"))
	_, err = b.NewReader(t.Context(), "b", 0, -1)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func TestListGivesWhatIsThereAPageAtATime(t *testing.T) {
	t.Parallel()
	b, dir := open(t)
	const many = 2100
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "uploads", "7f"), 0o700))
	for i := range many {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "uploads", "7f", fmt.Sprint(i)), []byte("123"), 0o600))
	}
	require.NoError(t, b.Put(t.Context(), "uploads/80/a", "", strings.NewReader("x")))
	seen, pages := map[string]bool{}, 0
	require.NoError(t, b.List(t.Context(), "uploads/7f/", func(page []blob.Item) error {
		pages++
		for _, item := range page {
			require.EqualValues(t, 3, item.Size)
			require.WithinDuration(t, time.Now(), item.ModTime, time.Hour)
			seen[item.Key] = true
			if err := b.Delete(t.Context(), item.Key); err != nil {
				return err
			}
		}
		return nil
	}))
	require.Len(t, seen, many, "also when they are deleted meanwhile")
	require.Equal(t, 3, pages)
	require.Equal(t, []string{"uploads/80/a"}, blobtest.Keys(t, dir))
	var whole []string
	require.NoError(t, b.Put(t.Context(), "top", "", strings.NewReader("x")))
	require.NoError(t, b.Put(t.Context(), "uploads/b", "", strings.NewReader("x")))
	require.NoError(t, b.Tree(t.Context(), "", func(page []blob.Item) error {
		for _, item := range page {
			whole = append(whole, item.Key)
		}
		return nil
	}))
	require.Equal(t, []string{"top", "uploads/b", "uploads/80/a"}, whole, "folder by folder")
	size, err := b.Size(t.Context(), "top")
	require.NoError(t, err)
	require.EqualValues(t, 1, size)
	_, err = b.Size(t.Context(), "nothing")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	enough := errors.New("enough")
	require.ErrorIs(t, b.List(t.Context(), "uploads/", func([]blob.Item) error { return enough }), enough)
	require.NoError(t, b.List(t.Context(), "nothing/", func([]blob.Item) error { return enough }))
}

func TestReadyNoticesThatTheFolderIsGone(t *testing.T) {
	t.Parallel()
	b, dir := open(t)
	require.NoError(t, b.Ready(t.Context()))
	require.NoError(t, os.RemoveAll(dir))
	require.Equal(t, fault.Unavailable, fault.CodeOf(b.Ready(t.Context())))
}

func TestAStorageThatTakesNothingIsUnavailable(t *testing.T) {
	t.Parallel()
	b, dir := open(t)
	// Root may write anywhere, but nobody can make a folder where a file is.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "uploads"), nil, 0o600))
	err := b.Put(t.Context(), "uploads/a", "", strings.NewReader("x"))
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for url, says := range map[string]string{
		"":                     "BLOB_URL is not set",
		"tape://robot":         "BLOB_URL",
		"file:///x?color=blue": "color",
	} {
		_, err := blob.Open(t.Context(), blob.Config{URL: url})
		require.ErrorContains(t, err, says)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
