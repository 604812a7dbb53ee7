package files_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/clamav"
	"rohrpost/internal/devstack"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/internal/thumbnail"
	"rohrpost/internal/thumbnail/imagetest"
)

// Between the copy to quarantine and the commit that names it.
func TestAQuarantineThatCannotCommitIsRepeated(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	h.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the lights went out'; END $$`)
	h.exec(`CREATE TRIGGER refuse BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.kind = 'notice:admins')
		EXECUTE FUNCTION refuse()`)
	file := h.upload("a", devstack.EICAR())
	h.untilJob(file.JobID, func(j db.Job) bool { return j.ErrorCode != nil })
	got, err := h.Get(t.Context(), h.owner, file.ID)
	require.NoError(t, err)
	require.Equal(t, files.Processing, got.Status, "the verdict comes with its notice or not at all")
	require.ElementsMatch(t, []string{"uploads", "quarantine"}, h.stored())

	h.exec(`UPDATE jobs SET max_attempts = 1000 WHERE id = $1`, file.JobID)
	h.exec(`DROP TRIGGER refuse ON jobs`)
	require.Equal(t, files.Quarantined, h.await(file.ID).Status)
	h.eventually(func() bool { return len(h.stored()) == 1 && h.stored()[0] == "quarantine" }, "%v", h.stored())
}

// Between the commit and the removal of the first place.
func TestWhatACrashLeftInTheFirstPlaceIsPurged(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	file := h.await(h.upload("a", devstack.EICAR()).ID)
	h.eventually(func() bool { return len(h.stored()) == 1 }, "the first place should be cleared")
	r, err := h.bucket.NewReader(t.Context(), file.BlobKey, 0, -1)
	require.NoError(t, err)
	require.NoError(t, h.bucket.Put(t.Context(), files.UploadKey(file.ID), "", r))
	require.NoError(t, r.Close())

	h.purgeNow()
	require.Equal(t, []string{"quarantine"}, h.stored())
	require.NoError(t, h.Delete(t.Context(), h.owner, file.ID))
	require.Empty(t, h.stored())
}

// purgeNow runs the purge jobs that wait for their time.
func (h *house) purgeNow() {
	h.t.Helper()
	var ids []uuid.UUID
	rows, err := h.pool.Query(h.ctx(), `UPDATE jobs SET run_at = now() WHERE kind = 'file:purge' AND state = 'queued'
		RETURNING id`)
	require.NoError(h.t, err)
	for rows.Next() {
		var id uuid.UUID
		require.NoError(h.t, rows.Scan(&id))
		ids = append(ids, id)
	}
	require.NoError(h.t, rows.Err())
	require.NotEmpty(h.t, ids)
	require.NoError(h.t, h.engine.DispatchAll(h.ctx()))
	for _, id := range ids {
		h.untilJob(id, func(j db.Job) bool { return j.State == queue.Succeeded })
	}
}

// Between the commit of a delete and the removal of the content.
func TestWhatACrashLeftOfADeletedFileIsPurged(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{}, verdict(clamav.Clean))
	file := h.await(h.upload("a.png", imagetest.Encoded(t, "png", imagetest.Halves(10, 10))).ID)
	require.Len(t, h.stored(), 4)
	saved, err := h.bucket.NewReader(t.Context(), file.BlobKey, 0, -1)
	require.NoError(t, err)
	require.NoError(t, h.Delete(t.Context(), h.owner, file.ID))
	require.NoError(t, h.bucket.Put(t.Context(), file.BlobKey, "", saved))
	require.NoError(t, saved.Close())
	h.purgeNow()
	require.Empty(t, h.stored())
}

func TestAFileDeletedDuringItsScanTakesTheJobWithIt(t *testing.T) {
	t.Parallel()
	scanning, over := make(chan struct{}, 1), make(chan struct{})
	h := open(t, files.Config{}, files.ScanWith(func(ctx context.Context) (clamav.Verdict, error) {
		scanning <- struct{}{}
		<-ctx.Done()
		close(over)
		return clamav.Verdict{Name: clamav.Infected, Signature: "it was too late"}, nil
	}))
	file := h.upload("a", []byte("hello"))
	<-scanning
	require.NoError(t, h.Delete(t.Context(), h.owner, file.ID))
	job := h.untilJob(file.JobID, func(j db.Job) bool { return j.State == queue.Cancelled })
	require.Equal(t, "The file was deleted.", *job.ErrorMessage)
	<-over
	h.eventually(func() bool { return len(h.stored()) == 0 }, "%v", h.stored())
}

// The rows go by themselves, as with their owner's account: nobody cancels the jobs.
func TestJobsOfAFileThatIsGoneEndAndLeaveNothing(t *testing.T) {
	t.Parallel()
	var h *house
	goes := func() { h.exec(`DELETE FROM files`) }
	gone := func(id uuid.UUID) {
		job := h.untilJob(id, func(j db.Job) bool { return j.State == queue.Failed })
		require.Equal(t, string(fault.NotFound), *job.ErrorCode)
		h.eventually(func() bool { return len(h.stored()) == 0 }, "%v", h.stored())
	}
	var scanned atomic.Int32
	h = open(t, files.Config{}, files.ScanWith(func(context.Context) (clamav.Verdict, error) {
		if scanned.Add(1) == 1 {
			goes()
			return clamav.Verdict{Name: clamav.Infected}, nil
		}
		return clamav.Verdict{Name: clamav.Clean}, nil
	}), files.ShrinkWith(func(context.Context) ([]thumbnail.Thumbnail, error) {
		goes()
		return []thumbnail.Thumbnail{{Name: "small", Content: []byte("x")}, {Name: "large", Content: []byte("y")}}, nil
	}))
	gone(h.upload("during the scan", []byte("hello")).JobID)

	file := h.upload("during the thumbnails", imagetest.Encoded(t, "png", imagetest.Halves(10, 10)))
	h.untilJob(file.JobID, func(j db.Job) bool { return j.State == queue.Succeeded })
	var id uuid.UUID
	require.NoError(t, h.pool.QueryRow(t.Context(), `SELECT id FROM jobs WHERE kind = 'file:thumbnail'`).Scan(&id))
	gone(id)
}

func TestADecoderThatPanicsFailsItsJobAndNotTheWorker(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	h := open(t, files.Config{}, verdict(clamav.Clean), files.ShrinkWith(
		func(context.Context) ([]thumbnail.Thumbnail, error) {
			if calls.Add(1) == 1 {
				panic("index out of range")
			}
			return []thumbnail.Thumbnail{{Name: "small", Content: []byte("x")}}, nil
		}))
	file := h.await(h.upload("a.png", imagetest.Encoded(t, "png", imagetest.Halves(10, 10))).ID)
	require.Equal(t, files.Clean, file.Status)
	require.Equal(t, files.ThumbnailsFailed, file.ThumbnailStatus)
	require.NotEmpty(t, *file.ThumbnailReason)
	var id uuid.UUID
	require.NoError(t, h.pool.QueryRow(t.Context(), `SELECT id FROM jobs WHERE kind = 'file:thumbnail'`).Scan(&id))
	_, err := h.engine.Rerun(t.Context(), id, h.owner)
	require.NoError(t, err)
	h.until(file.ID, func(f files.File) bool { return f.ThumbnailStatus == files.ThumbnailsReady })
}
