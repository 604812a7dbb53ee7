package blob_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/blob"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
)

func TestAFullDiskIsToldLeavesNothingAndRecovers(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(stacktest.SmallDisk(t, 4<<20), "blobs")
	url, err := blob.FileURL(dir)
	require.NoError(t, err)
	b, err := blob.Open(t.Context(), blob.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	require.NoError(t, b.Put(t.Context(), "old", "", strings.NewReader("stays")))
	require.NoError(t, b.Ready(t.Context()))

	for _, key := range []string{"uploads/new", "old"} {
		err = b.Put(t.Context(), key, "", bytes.NewReader(make([]byte, 8<<20)))
		require.Equal(t, blob.Full, fault.CodeOf(err), "%v", err)
		require.True(t, fault.ClassOf(fault.CodeOf(err)).Retryable)
	}
	require.Equal(t, []string{"old"}, blobtest.Keys(t, dir), "half a file is left")
	require.Equal(t, "stays", read(t, b, "old", 0, -1))
	require.NoError(t, b.Ready(t.Context()), "the half file is gone, so there is room again")

	filler := filepath.Join(dir, "filler")
	require.Error(t, os.WriteFile(filler, make([]byte, 8<<20), 0o600))
	require.Equal(t, blob.Full, fault.CodeOf(b.Ready(t.Context())))
	require.Equal(t, blob.Full, fault.CodeOf(b.Put(t.Context(), "a", "", strings.NewReader("one byte is too many"))))
	require.NoError(t, os.Remove(filler))
	require.NoError(t, b.Ready(t.Context()))
	require.NoError(t, b.Put(t.Context(), "a", "", strings.NewReader("fits")))
}

func TestADiskThatHoldsNoMoreFilesIsFull(t *testing.T) {
	t.Parallel()
	dir := stacktest.SmallDisk(t, 4<<20, "nr_inodes=10")
	url, err := blob.FileURL(dir)
	require.NoError(t, err)
	b, err := blob.Open(t.Context(), blob.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	for name := "a"; err == nil; name += "a" {
		err = os.WriteFile(filepath.Join(dir, name), nil, 0o600)
	}
	require.Equal(t, blob.Full, fault.CodeOf(b.Ready(t.Context())))
	require.Equal(t, blob.Full, fault.CodeOf(b.Put(t.Context(), "a", "", strings.NewReader("x"))))
}
