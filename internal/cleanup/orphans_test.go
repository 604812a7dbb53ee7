package cleanup_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/cleanup"
	"rohrpost/tasks"
)

// noticed makes what was noticed so long ago.
func (h *house) noticed(ago string) {
	h.exec(`UPDATE orphaned_blobs SET noticed_at = now() - $1::text::interval`, ago)
}

func (h *house) receive() {
	h.t.Helper()
	_, err := h.files.Receive(h.t.Context(), "lost.txt", bytes.NewReader([]byte("12345")))
	require.NoError(h.t, err)
}

func line(count, bytes, waiting int64) cleanup.Line {
	return cleanup.Line{What: tasks.SweepOrphans, Count: count, Bytes: bytes, Waiting: waiting}
}

func TestAnUploadWithoutARecordGoesWhenItWasNoticedForLongEnough(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{Orphans: 3 * day})
	kept := h.upload("kept")
	h.receive()
	h.age(23 * time.Hour)
	require.Equal(t, line(0, 0, 0), h.sweep(tasks.SweepOrphans), "it may be on its way to the record")
	h.age(25 * time.Hour)
	require.Equal(t, line(0, 0, 1), h.sweep(tasks.SweepOrphans))
	h.noticed("2 days 23 hours")
	require.Equal(t, line(0, 0, 1), h.sweep(tasks.SweepOrphans))
	require.Len(t, h.stored(), 2)
	h.noticed("3 days 1 second")
	require.Equal(t, line(1, 5, 0), h.sweep(tasks.SweepOrphans))
	require.Equal(t, []string{kept.BlobKey}, h.stored())
	require.Zero(t, h.count(`SELECT count(*) FROM orphaned_blobs`))
}

func TestABlobThatHasARecordAgainBeginsFromTheStart(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	file := h.upload("there")
	h.age(2 * day)
	h.exec(`CREATE TABLE aside AS SELECT * FROM files`)
	h.exec(`DELETE FROM files`) // a backup was restored that does not know it,
	require.Equal(t, line(0, 0, 1), h.sweep(tasks.SweepOrphans))
	h.exec(`INSERT INTO files SELECT * FROM aside`) // and then one that does
	h.noticed("8 days")
	require.Equal(t, line(0, 0, 0), h.sweep(tasks.SweepOrphans))
	h.exec(`DELETE FROM files`)
	require.Equal(t, line(0, 0, 1), h.sweep(tasks.SweepOrphans))
	require.Equal(t, []string{file.BlobKey}, h.stored())
}

func TestWhatIsAndWhatIsNotAnOrphan(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	ready, pending, failed, gone := h.upload("ready"), h.upload("pending"), h.upload("failed"), uuid.New()
	for id, status := range map[uuid.UUID]string{ready.ID: "ready", pending.ID: "pending", failed.ID: "failed"} {
		h.exec(`UPDATE files SET status = 'clean', thumbnail_status = $2 WHERE id = $1`, id, status)
	}
	key := func(folder string, id uuid.UUID, end string) string {
		text := id.String()
		return folder + "/" + text[len(text)-2:] + "/" + text + end
	}
	h.exec(`INSERT INTO thumbnails (file_id, name, width, height, size, media_type, blob_key)
		VALUES ($1, 'small', 1, 1, 5, 'image/jpeg', $2)`, ready.ID, key("thumbnails", ready.ID, "-small"))
	stays := []string{
		ready.BlobKey, pending.BlobKey, failed.BlobKey,
		key("thumbnails", ready.ID, "-small"),
		key("thumbnails", pending.ID, "-small"),      // its job is at work
		key("thumbnails", failed.ID, "-small"),       // its job may run again
		key("quarantine", ready.ID, "-1"),            // left by a move, which may still be at work
		key("uploads", gone, ".bak"),                 // not of our making
		"uploads/7f/readme",                          // nor this
		"backups/7f/" + gone.String(),                // nor this
		"uploads/zz/" + gone.String() + ".12ab.tmp",  // nor this
		"backups/7f/" + gone.String() + ".12ab.tmp",  // somebody else's
		"uploads/7f/notes.12ab.tmp",                  // nobody's
		key("thumbnails", ready.ID, "-small") + ".b", // again not of our making
	}
	goes := []string{
		key("uploads", gone, ""), key("quarantine", gone, ""), key("thumbnails", gone, "-large"),
		key("thumbnails", ready.ID, "-large"),           // not on record
		key("quarantine", ready.ID, ""),                 // it is in another place, and won't come here
		key("uploads", ready.ID, ".18bc.tmp"),           // half written
		key("thumbnails", ready.ID, "-small.18bc.tmp"),  // half written
		key("quarantine", pending.ID, ".18bc9f01a.tmp"), // half written
	}
	for _, k := range append(stays[3:], goes...) {
		h.put(k)
	}
	h.age(2 * day)
	require.Equal(t, line(0, 0, int64(len(goes))), h.sweep(tasks.SweepOrphans))
	require.ElementsMatch(t, goes, h.names(`SELECT blob_key FROM orphaned_blobs`))
	h.noticed("8 days")
	const given = 1 // a move that nobody comes back to
	require.Equal(t, line(int64(len(goes)), int64(5*len(goes)), given), h.sweep(tasks.SweepOrphans))
	require.ElementsMatch(t, stays, h.stored())
	h.noticed("8 days")
	require.Equal(t, line(given, 5, 0), h.sweep(tasks.SweepOrphans))
	require.NotContains(t, h.stored(), key("quarantine", ready.ID, "-1"))
	require.Len(t, h.stored(), len(stays)-given)
}

func TestWhatIsAndWhatIsNotAnOrphanOfADataset(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	key := func(id uuid.UUID, end string) string {
		text := id.String()
		return "datasets/" + text[len(text)-2:] + "/" + text + end
	}
	ready, building, failed, swept, gone := h.dataset("ready", 3, 0), h.dataset("building", 3, 0), h.dataset("failed", 3, 0),
		h.dataset("failed", 3, 0), uuid.New()
	h.exec(`DELETE FROM jobs WHERE id = (SELECT job_id FROM datasets WHERE id = $1)`, swept)
	h.exec(`INSERT INTO dataset_files VALUES ($1, 'train.jsonl', 5, '', 1, '', $2)`, ready, key(ready, "-3-train.jsonl"))
	stays := []string{
		key(ready, "-3-train.jsonl"),
		key(building, "-3-train.jsonl"), key(building, "-3-validation.jsonl.18bc.tmp"), // its job is at work
		key(building, "-4-train.jsonl"), key(failed, "-4-train.jsonl"), // or runs again by now
		key(gone, "-3-notes.txt"), key(gone, ""), "datasets/readme", // not of our making
	}
	goes := []string{
		key(ready, "-3-validation.jsonl"), key(ready, "-2-train.jsonl"), key(ready, "-3-train.jsonl.18bc.tmp"),
		key(building, "-2-train.jsonl"), key(building, "-2-train.jsonl.18bc.tmp"),
		key(failed, "-3-manifest.json"), key(swept, "-9-manifest.json"),
		key(gone, "-1-train.jsonl"), key(gone, "-1-train.jsonl.18bc.tmp"),
	}
	for _, k := range append(slices.Clone(stays), goes...) {
		h.put(k)
	}
	h.age(2 * day)
	require.Equal(t, line(0, 0, int64(len(goes))), h.sweep(tasks.SweepOrphans))
	require.ElementsMatch(t, goes, h.names(`SELECT blob_key FROM orphaned_blobs`))
	h.noticed("8 days")
	require.Equal(t, line(int64(len(goes)), int64(5*len(goes)), 0), h.sweep(tasks.SweepOrphans))
	require.ElementsMatch(t, stays, h.stored())
}

func TestWhatVanishedByItselfIsForgotten(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	h.exec(`INSERT INTO orphaned_blobs VALUES ('uploads/00/old', now() - interval '8 days'), ('uploads/00/new', now())`)
	h.run(tasks.SweepArgs{DryRun: true, Only: []string{tasks.SweepOrphans}})
	require.Equal(t, 2, h.count(`SELECT count(*) FROM orphaned_blobs`))
	h.sweep(tasks.SweepOrphans)
	require.Equal(t, []string{"uploads/00/new"}, h.names(`SELECT blob_key FROM orphaned_blobs`))
}
