package chaos

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
)

func TestADiskIsFilledToTheLastPageAndFreed(t *testing.T) {
	t.Parallel()
	s := &stage{storage: filepath.Join(stacktest.SmallDisk(t, 4<<20), "blobs")}
	require.NoError(t, os.Mkdir(s.storage, 0o700))
	file := filepath.Join(s.storage, "file")
	b := fillingDisk(s, rand.New(rand.NewPCG(1, 1)))
	require.NoError(t, b.begin(t.Context()))
	require.ErrorIs(t, os.WriteFile(file, []byte("x"), 0o600), syscall.ENOSPC)
	require.NoError(t, b.end(t.Context()))
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
}
