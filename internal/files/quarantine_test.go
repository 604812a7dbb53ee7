package files_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/clamav/clamtest"
	"rohrpost/internal/devstack"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/tasks"
)

const eicarFound = "Eicar-Test-Signature.UNOFFICIAL"

// infectedImage is a picture that the scanner finds something in.
func infectedImage(t *testing.T) []byte {
	t.Helper()
	return append(imagetest.Encoded(t, "png", imagetest.Halves(200, 100)), devstack.EICAR()...)
}

// release asks for a release and returns its job.
func (h *house) release(by audit.Actor, id uuid.UUID, reason string) (job queue.Record, err error) {
	h.t.Helper()
	err = db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
		job, err = h.AskRelease(h.ctx(), tx, by, id, reason)
		return err
	})
	return job, err
}

// inQuarantine lists the names of files in quarantine.
func (h *house) inQuarantine(f files.QuarantineFilter) (names []string) {
	h.t.Helper()
	f.Limit = 10
	found, err := h.Quarantine(h.ctx(), f)
	require.NoError(h.t, err)
	for _, file := range found {
		names = append(names, file.Name)
	}
	return names
}

func (h *house) audited(target uuid.UUID) []db.AuditEntry {
	h.t.Helper()
	text := target.String()
	entries, err := audit.List(h.ctx(), h.pool, audit.Filter{Target: &text, Limit: 10})
	require.NoError(h.t, err)
	return entries
}

func (h *house) untilTold(user uuid.UUID, what string) {
	h.t.Helper()
	h.eventually(func() bool { return strings.Contains(h.told(stream.User(user)), what) }, "not told: %s", what)
}

func TestAdminsSeeWhatIsInQuarantineAndNobodysOtherFiles(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	clean := h.upload("clean.txt", []byte("hello"))
	eicar := h.upload("eicar.txt", devstack.EICAR())
	other := h.upload("other.txt", devstack.TestVirus())
	locked := h.upload("locked.zip", clamtest.EncryptedZip(t))
	for _, file := range []db.File{clean, eicar, other, locked} {
		h.await(file.ID)
	}
	failed := h.upload("failed.txt", []byte("hello"))
	h.await(failed.ID)
	h.exec(`UPDATE files SET status = 'failed' WHERE id = $1`, failed.ID)

	require.Equal(t, []string{"locked.zip", "other.txt", "eicar.txt"}, h.inQuarantine(files.QuarantineFilter{}))
	require.Equal(t, []string{"other.txt", "eicar.txt"}, h.inQuarantine(files.QuarantineFilter{Before: locked.ID}))
	require.Equal(t, []string{"locked.zip"}, h.inQuarantine(files.QuarantineFilter{Status: files.Refused}))
	require.Equal(t, []string{"failed.txt"}, h.inQuarantine(files.QuarantineFilter{Status: files.Failed}))
	signature, somebody := eicarFound, uuid.New()
	require.Equal(t, []string{"eicar.txt"}, h.inQuarantine(files.QuarantineFilter{Signature: &signature, Owner: &h.owner}))
	require.Empty(t, h.inQuarantine(files.QuarantineFilter{Owner: &somebody}))
	require.Empty(t, h.inQuarantine(files.QuarantineFilter{Status: files.ListReleased}))
	_, err := h.Quarantine(t.Context(), files.QuarantineFilter{Status: files.Clean})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))

	seen, err := h.Inspect(t.Context(), eicar.ID)
	require.NoError(t, err)
	require.Equal(t, h.owner.String()+"@example.org", seen.OwnerEmail)
	require.Equal(t, eicarFound, *seen.Signature)
	require.Equal(t, eicar.SHA256, seen.SHA256)
	require.Contains(t, *seen.CheckedWith, "ClamAV ")
	require.Len(t, seen.History, 1)
	require.Equal(t, []any{"scan", files.Quarantined, eicarFound, *seen.CheckedWith},
		[]any{seen.History[0].Event, seen.History[0].Status, *seen.History[0].Signature, *seen.History[0].CheckedWith})
	for _, id := range []uuid.UUID{clean.ID, uuid.New()} {
		_, err = h.Inspect(t.Context(), id)
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
	}
}

func TestAReleasedFileIsOpenAndItsVerdictStays(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	admin := h.user("admin")
	content := infectedImage(t)
	file := h.await(h.upload("photo.png", content).ID)
	require.Equal(t, files.Quarantined, file.Status)

	job, err := h.release(audit.User(admin), file.ID, " It is our own test file. ")
	require.NoError(t, err)
	require.Equal(t, admin, job.Owner)
	require.Equal(t, queue.Succeeded, h.untilJob(job.ID, func(j db.Job) bool { return j.FinishedAt != nil }).State)
	file = h.await(file.ID)
	require.Equal(t, []string{files.Clean, "infected", eicarFound, files.ThumbnailsReady},
		[]string{file.Status, *file.Verdict, *file.Signature, file.ThumbnailStatus})
	require.Nil(t, file.Reason)
	require.NotNil(t, file.ReleasedAt)
	require.Equal(t, admin, *file.ReleasedBy)
	require.Equal(t, "It is our own test file.", *file.ReleaseReason)
	opened, err := h.Open(t.Context(), h.owner, file.ID)
	require.NoError(t, err)
	require.Equal(t, content, h.download(opened, 0, -1))
	h.untilTold(h.owner, `"notice":"file_released","file_id":"`+file.ID.String())
	h.eventually(func() bool { return len(h.stored()) == 4 }, "%v", h.stored())
	require.ElementsMatch(t, []string{"uploads", "small", "medium", "large"}, h.stored())
	require.Empty(t, h.inQuarantine(files.QuarantineFilter{}))
	require.Equal(t, []string{"photo.png"}, h.inQuarantine(files.QuarantineFilter{Status: files.ListReleased}))

	seen, err := h.Inspect(t.Context(), file.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"release", "scan"}, []string{seen.History[0].Event, seen.History[1].Event})
	require.Equal(t, admin.String()+"@example.org", *seen.History[0].ActorName)
	entries := h.audited(file.ID)
	require.Len(t, entries, 1)
	require.Equal(t, "quarantine.release", entries[0].Action)
	require.Equal(t, "It is our own test file.", entries[0].Reason)
	require.Contains(t, string(entries[0].Detail), `"photo.png"`)

	// However late the places that it came from are cleared, it is not touched.
	h.purgeNow()
	require.Equal(t, content, h.download(opened, 0, -1))
	require.NoError(t, h.Delete(t.Context(), h.owner, file.ID))
	require.Empty(t, h.stored())
}

func TestWhatCanNotBeReleased(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	clean, eicar := h.await(h.upload("clean.txt", []byte("hello")).ID), h.await(h.upload("eicar.txt", devstack.EICAR()).ID)
	failed := h.await(h.upload("failed.txt", []byte("hello")).ID)
	h.exec(`UPDATE files SET status = 'failed' WHERE id = $1`, failed.ID)
	for name, test := range map[string]struct {
		id     uuid.UUID
		reason string
		code   fault.Code
	}{
		"no reason":      {eicar.ID, " ", fault.Invalid},
		"a long reason":  {eicar.ID, strings.Repeat("x", 501), fault.Invalid},
		"a NUL in it":    {eicar.ID, "a\x00b", fault.Invalid},
		"a clean file":   {clean.ID, "because", fault.NotFound},
		"an unseen file": {failed.ID, "because", fault.Conflict},
		"no file":        {uuid.New(), "because", fault.NotFound},
	} {
		_, err := h.release(audit.CommandLine(), test.id, test.reason)
		require.Equal(t, test.code, fault.CodeOf(err), "%s: %v", name, err)
	}
	require.Empty(t, h.audited(eicar.ID))
}

// Between the copy back and the commit that names it, and then once more after the release.
func TestAReleaseThatCannotCommitIsRepeated(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	file := h.await(h.upload("eicar.txt", devstack.EICAR()).ID)
	h.eventually(func() bool { return len(h.stored()) == 1 }, "%v", h.stored())
	h.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the lights went out'; END $$`)
	h.exec(`CREATE TRIGGER refuse BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.kind = 'notice:owner')
		EXECUTE FUNCTION refuse()`)
	job, err := h.release(audit.CommandLine(), file.ID, "it is ours")
	require.NoError(t, err)
	again, err := h.release(audit.CommandLine(), file.ID, "it is ours, I said")
	require.NoError(t, err)
	require.Equal(t, job.ID, again.ID)
	h.untilJob(job.ID, func(j db.Job) bool { return j.ErrorCode != nil })
	got, err := h.Get(t.Context(), h.owner, file.ID)
	require.NoError(t, err)
	require.Equal(t, files.Quarantined, got.Status)
	_, err = h.Open(t.Context(), h.owner, file.ID)
	require.Equal(t, files.NotClean, fault.CodeOf(err))
	h.purgeNow() // of the time when it was quarantined

	h.exec(`DROP TRIGGER refuse ON jobs`)
	h.untilJob(job.ID, func(j db.Job) bool { return j.State == queue.Succeeded })
	opened, err := h.Open(t.Context(), h.owner, file.ID)
	require.NoError(t, err)
	require.Equal(t, devstack.EICAR(), h.download(opened, 0, -1))
	h.eventually(func() bool { return len(h.stored()) == 1 }, "%v", h.stored())
	require.Len(t, h.audited(file.ID), 1)
}

func TestAnAdminDeletesWhatIsInQuarantineAndNothingElse(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	admin := h.user("admin")
	eicar, clean := h.await(h.upload("eicar.txt", devstack.EICAR()).ID), h.await(h.upload("clean.txt", []byte("hello")).ID)
	refused := h.await(h.upload("locked.zip", clamtest.EncryptedZip(t)).ID)
	require.NoError(t, h.Remove(t.Context(), audit.User(admin), eicar.ID, "a real virus"))
	require.NoError(t, h.Remove(t.Context(), audit.User(admin), refused.ID, ""))
	h.untilTold(h.owner, `"notice":"file_deleted","file_id":"`+eicar.ID.String())
	require.Equal(t, []string{"uploads"}, h.stored(), "that of the clean file")
	entry := h.audited(eicar.ID)[0]
	require.Equal(t, []string{"quarantine.delete", "a real virus"}, []string{entry.Action, entry.Reason})
	require.Contains(t, string(entry.Detail), eicarFound)

	require.Equal(t, fault.NotFound, fault.CodeOf(h.Remove(t.Context(), audit.User(admin), clean.ID, "")))
	require.Equal(t, fault.NotFound, fault.CodeOf(h.Remove(t.Context(), audit.User(admin), eicar.ID, "")))
	require.Equal(t, fault.Invalid, fault.CodeOf(h.Remove(t.Context(), audit.User(admin), eicar.ID, strings.Repeat("x", 501))))
	released := h.await(h.upload("again.txt", devstack.EICAR()).ID)
	job, err := h.release(audit.User(admin), released.ID, "it is ours")
	require.NoError(t, err)
	h.untilJob(job.ID, func(j db.Job) bool { return j.State == queue.Succeeded })
	require.Equal(t, fault.Conflict, fault.CodeOf(h.Remove(t.Context(), audit.User(admin), released.ID, "")))
}

// The job of a release of before this one named no keys.
func TestAPurgeWithoutKeysRemovesWhatTheRecordDoesNotName(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	file := h.await(h.upload("eicar.txt", devstack.EICAR()).ID)
	h.eventually(func() bool { return len(h.stored()) == 1 }, "%v", h.stored())
	purge := func() {
		require.NoError(t, h.bucket.Put(t.Context(), files.UploadKey(file.ID), "", strings.NewReader("left")))
		var job queue.Record
		require.NoError(t, db.InTx(t.Context(), h.pool, func(tx pgx.Tx) (err error) {
			job, err = queue.EnqueueRaw(t.Context(), tx, queue.Raw(tasks.Purge),
				json.RawMessage(`{"file_id":"`+file.ID.String()+`"}`))
			return err
		}))
		h.untilJob(job.ID, func(j db.Job) bool { return j.State == queue.Succeeded })
	}
	purge()
	require.Equal(t, []string{"quarantine"}, h.stored())
	h.exec(`DELETE FROM files`)
	purge()
	require.Empty(t, h.stored())
}
