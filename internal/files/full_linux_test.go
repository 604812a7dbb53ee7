package files_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/clamav"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/tasks"
)

func TestAnUploadThatDoesNotFitLeavesNothing(t *testing.T) {
	t.Parallel()
	h := storageOn(t, stacktest.SmallDisk(t, 4<<20), files.Config{})
	_, err := h.Receive(t.Context(), "large.bin", bytes.NewReader(make([]byte, 8<<20)))
	require.Equal(t, blob.Full, fault.CodeOf(err), "%v", err)
	require.Empty(t, h.stored())
	require.NoError(t, h.Ready(t.Context()))
	h.upload("small.bin", []byte("fits"))
	makeRoom := h.fill()
	require.Equal(t, blob.Full, fault.CodeOf(h.Ready(t.Context())))
	makeRoom()
	require.NoError(t, h.Ready(t.Context()))
}

func TestThumbnailsWaitForRoom(t *testing.T) {
	t.Parallel()
	var h *house
	var makeRoom func()
	h = openOn(t, stacktest.SmallDisk(t, 4<<20), files.Config{}, files.ScanWith(func(context.Context) (clamav.Verdict, error) {
		makeRoom = h.fill()
		return clamav.Verdict{Name: clamav.Clean}, nil
	}))
	file := h.upload("a.png", imagetest.Encoded(t, "png", imagetest.Halves(200, 100)))
	h.untilJob(file.JobID, func(j db.Job) bool { return j.State == queue.Succeeded })
	var id uuid.UUID
	require.NoError(t, h.pool.QueryRow(t.Context(), `SELECT id FROM jobs WHERE kind = 'file:thumbnail'`).Scan(&id))
	waiting := h.untilJob(id, func(j db.Job) bool { return j.Attempt >= 2 && j.ErrorCode != nil })
	require.Equal(t, string(blob.Full), *waiting.ErrorCode)
	require.Equal(t, "There is no room left in the file storage.", *waiting.ErrorMessage)
	makeRoom()
	require.Equal(t, files.ThumbnailsReady, h.await(file.ID).ThumbnailStatus)
	require.ElementsMatch(t, []string{"uploads", "small", "medium", "large"}, h.stored())
}

// Where there is no room to move it to, it is closed all the same.
func TestAFullDiskKeepsNoInfectedFileOpen(t *testing.T) {
	t.Parallel()
	var infected atomic.Bool
	h := openOn(t, stacktest.SmallDisk(t, 4<<20), files.Config{}, files.ScanWith(func(context.Context) (clamav.Verdict, error) {
		if infected.Load() {
			return clamav.Verdict{Name: clamav.Infected, Signature: "New"}, nil
		}
		return clamav.Verdict{Name: clamav.Clean}, nil
	}))
	content := imagetest.Encoded(t, "png", imagetest.Halves(200, 100))
	file := h.await(h.upload("a.png", content).ID)
	room := h.fill()
	infected.Store(true)
	require.Equal(t, files.RescanReport{Files: 1, Checked: 1, Found: 1}, h.rescan(tasks.RescanArgs{All: true}))
	_, err := h.Open(t.Context(), h.owner, file.ID)
	require.Equal(t, files.NotClean, fault.CodeOf(err))

	room()
	require.Equal(t, files.RescanReport{Files: 1, Checked: 1}, h.rescan(tasks.RescanArgs{All: true}))
	h.purgeNow()
	require.Equal(t, []string{"quarantine"}, h.stored())
	infected.Store(false)
	require.Equal(t, files.RescanReport{Files: 1, Checked: 1, Cleared: 1}, h.rescan(tasks.RescanArgs{All: true}))
	opened := h.await(file.ID)
	require.Equal(t, files.ThumbnailsReady, opened.ThumbnailStatus)
	h.purgeNow()
	require.ElementsMatch(t, []string{"uploads", "small", "medium", "large"}, h.stored())
	require.Len(t, opened.Thumbnails, 3)
}

// fill takes all room on the disk, until the function returned is called.
func (h *house) fill() (makeRoom func()) {
	h.t.Helper()
	path := filepath.Join(h.folder, "filler")
	require.Error(h.t, os.WriteFile(path, make([]byte, 8<<20), 0o600))
	return func() { require.NoError(h.t, os.Remove(path)) }
}
