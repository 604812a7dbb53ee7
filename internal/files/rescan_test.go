package files_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/clamav"
	"rohrpost/internal/clamav/clamtest"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/internal/thumbnail/imagetest"
	"rohrpost/tasks"
)

func (h *house) askRescan(args tasks.RescanArgs) queue.Record {
	h.t.Helper()
	var job queue.Record
	require.NoError(h.t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
		job, err = h.AskRescan(h.ctx(), tx, audit.CommandLine(), args)
		return err
	}))
	return job
}

// rescan runs one and returns what it tells at its end, without its version and bytes.
func (h *house) rescan(args tasks.RescanArgs) (report files.RescanReport) {
	h.t.Helper()
	job := h.untilJob(h.askRescan(args).ID, func(j db.Job) bool { return j.FinishedAt != nil })
	require.Equal(h.t, queue.Succeeded, job.State, "%s", job.Result)
	require.NoError(h.t, json.Unmarshal(job.Result, &report))
	report.Scanner, report.Bytes = "", 0
	return report
}

// changing is a house whose scanner is its own, to be taught.
func changing(t *testing.T) (*house, *devstack.Clamd) {
	t.Helper()
	clamd, err := stacktest.Own(t).StartClamd(t.Context(), devstack.ClamdOptions{OwnSignatures: true})
	require.NoError(t, err)
	return open(t, files.Config{Scanner: clamav.Config{Address: clamd.Address()}}), clamd
}

func (h *house) status(id uuid.UUID) string {
	h.t.Helper()
	file, err := h.Get(h.ctx(), h.owner, id)
	require.NoError(h.t, err)
	return file.Status
}

func TestNewSignaturesCloseWhatOldOnesLetThroughAndOpenWhatTheyWereWrongAbout(t *testing.T) {
	t.Parallel()
	h, clamd := changing(t)
	admin := h.user("admin")
	require.NoError(t, clamd.AddSignature(t.Context(), "Rohrpost.Hasty", []byte("a harmless invoice")))
	worm := append(imagetest.Encoded(t, "png", imagetest.Halves(200, 100)), "a worm of tomorrow"...)
	spared, bad := h.await(h.upload("spared.txt", []byte("hello")).ID), h.await(h.upload("bad.png", worm).ID)
	hasty := append(imagetest.Encoded(t, "png", imagetest.Halves(200, 100)), "a harmless invoice"...)
	wronged, locked := h.await(h.upload("wronged.png", hasty).ID), h.await(h.upload("locked.zip", clamtest.EncryptedZip(t)).ID)
	require.Equal(t, []string{files.Clean, files.Clean, files.Quarantined, files.Refused},
		[]string{spared.Status, bad.Status, wronged.Status, locked.Status})
	require.Equal(t, files.RescanReport{}, h.rescan(tasks.RescanArgs{}), "no signature has changed")

	require.NoError(t, clamd.AddSignature(t.Context(), "Rohrpost.Worm", []byte("a worm of tomorrow")))
	require.NoError(t, clamd.DropSignature(t.Context(), "Rohrpost.Hasty"))
	require.Equal(t, files.RescanReport{DryRun: true, Files: 2},
		h.rescan(tasks.RescanArgs{DryRun: true, Only: []string{tasks.RescanClean}}))
	require.Equal(t, files.RescanReport{Files: 4, Checked: 4, Found: 1, Cleared: 1}, h.rescan(tasks.RescanArgs{}))
	require.Equal(t, files.RescanReport{}, h.rescan(tasks.RescanArgs{}), "everything was scanned with these")
	require.Equal(t, files.RescanReport{Files: 4, Checked: 4}, h.rescan(tasks.RescanArgs{All: true}))

	require.Equal(t, files.Clean, h.status(spared.ID))
	require.Equal(t, files.Refused, h.status(locked.ID))
	closed := h.await(bad.ID)
	require.Equal(t, []string{files.Quarantined, clamav.Infected, "Rohrpost.Worm.UNOFFICIAL", files.ThumbnailsNone},
		[]string{closed.Status, *closed.Verdict, *closed.Signature, closed.ThumbnailStatus})
	require.Empty(t, closed.Thumbnails)
	_, err := h.Open(t.Context(), h.owner, bad.ID)
	require.Equal(t, files.NotClean, fault.CodeOf(err))
	_, err = h.OpenThumbnail(t.Context(), h.owner, bad.ID, "small")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	h.untilTold(admin, `"notice":"file_quarantined","file_id":"`+bad.ID.String())
	h.untilTold(h.owner, `"notice":"file_quarantined","file_id":"`+bad.ID.String())

	opened := h.await(wronged.ID)
	require.Equal(t, []string{files.Clean, clamav.Clean, files.ThumbnailsReady},
		[]string{opened.Status, *opened.Verdict, opened.ThumbnailStatus})
	require.Nil(t, opened.Signature)
	content, err := h.Open(t.Context(), h.owner, wronged.ID)
	require.NoError(t, err)
	h.untilTold(h.owner, `"notice":"file_cleared","file_id":"`+wronged.ID.String())
	h.purgeNow()
	require.Equal(t, hasty, h.download(content, 0, -1))
	require.ElementsMatch(t, []string{"uploads", "uploads", "uploads", "quarantine", "small", "medium", "large"}, h.stored())
	seen, err := h.Inspect(t.Context(), wronged.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"rescan", files.Clean}, []string{seen.History[0].Event, seen.History[0].Status})
}

func TestAReleaseHoldsAgainstItsFindingAndNotAgainstAnother(t *testing.T) {
	t.Parallel()
	h, clamd := changing(t)
	virus := append(devstack.TestVirus(), "and something that nobody knows yet"...)
	file := h.await(h.upload("tool.exe", virus).ID)
	job, err := h.release(audit.CommandLine(), file.ID, "we wrote it")
	require.NoError(t, err)
	h.untilJob(job.ID, func(j db.Job) bool { return j.State == queue.Succeeded })
	require.Equal(t, files.RescanReport{Files: 1, Checked: 1}, h.rescan(tasks.RescanArgs{All: true}))
	require.NoError(t, clamd.DropSignature(t.Context(), "Rohrpost.Test"))
	require.Equal(t, files.RescanReport{Files: 1, Checked: 1}, h.rescan(tasks.RescanArgs{}))
	kept := h.await(file.ID)
	require.NotNil(t, kept.ReleasedAt, "that it would not be found now is no reason to forget what a person said")
	require.NoError(t, clamd.AddSignature(t.Context(), "Rohrpost.Test", devstack.TestVirus()))
	require.Equal(t, files.RescanReport{Files: 1, Checked: 1}, h.rescan(tasks.RescanArgs{}))
	require.Equal(t, files.Clean, h.status(file.ID))

	require.NoError(t, clamd.DropSignature(t.Context(), "Rohrpost.Test"))
	require.NoError(t, clamd.AddSignature(t.Context(), "Rohrpost.Other", []byte("something that nobody knows yet")))
	require.Equal(t, files.RescanReport{Files: 1, Checked: 1, Found: 1}, h.rescan(tasks.RescanArgs{}))
	again := h.await(file.ID)
	require.Equal(t, files.Quarantined, again.Status)
	require.Nil(t, again.ReleasedAt)
	h.purgeNow()
	require.Equal(t, []string{"quarantine"}, h.stored())
	seen, err := h.Inspect(t.Context(), file.ID)
	require.NoError(t, err)
	var history []string
	for _, e := range seen.History {
		history = append(history, e.Event)
	}
	require.Equal(t, []string{"rescan", "release", "scan"}, history)
}

func TestOneFileIsScannedAgainOnRequest(t *testing.T) {
	t.Parallel()
	h, clamd := changing(t)
	file := h.await(h.upload("a.txt", devstack.TestVirus()).ID)
	require.NoError(t, clamd.DropSignature(t.Context(), "Rohrpost.Test"))
	job := h.askRescan(tasks.RescanArgs{FileID: &file.ID})
	done := h.untilJob(job.ID, func(j db.Job) bool { return j.FinishedAt != nil })
	require.Equal(t, queue.Succeeded, done.State)
	require.Contains(t, string(done.Result), `"status": "clean"`)
	require.Equal(t, files.Clean, h.status(file.ID))
	require.Equal(t, "quarantine.rescan", h.audited(file.ID)[0].Action)

	ask := func(args tasks.RescanArgs) error {
		return db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
			_, err := h.AskRescan(t.Context(), tx, audit.CommandLine(), args)
			return err
		})
	}
	unknown := uuid.New()
	require.Equal(t, fault.NotFound, fault.CodeOf(ask(tasks.RescanArgs{FileID: &unknown})))
	require.Equal(t, fault.Invalid, fault.CodeOf(ask(tasks.RescanArgs{FileID: &file.ID, All: true})))
	require.Equal(t, fault.Invalid, fault.CodeOf(ask(tasks.RescanArgs{Only: []string{"processing"}})))
}

func TestAFileWhoseScanHadFailedIsHealedByARescan(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	h := open(t, files.Config{}, files.ScanWith(func(context.Context) (clamav.Verdict, error) {
		if down.Load() {
			return clamav.Verdict{}, fault.New(fault.Invalid, "not today")
		}
		return clamav.Verdict{Name: clamav.Clean}, nil
	}))
	file := h.await(h.upload("a.txt", []byte("hello")).ID)
	require.Equal(t, files.Failed, file.Status)
	down.Store(false)
	require.Equal(t, files.RescanReport{Files: 1, Checked: 1, Cleared: 1}, h.rescan(tasks.RescanArgs{}))
	require.Equal(t, files.Clean, h.status(file.ID))
	_, err := h.engine.Rerun(t.Context(), file.JobID, h.owner)
	require.NoError(t, err)
	job := h.untilJob(file.JobID, func(j db.Job) bool { return j.FinishedAt != nil && j.Epoch > 1 })
	require.Equal(t, string(fault.Conflict), *job.ErrorCode)
	require.Equal(t, files.Clean, h.status(file.ID))
}

func TestACleanFileIsReadableUntilTheMomentItIsFoundInfected(t *testing.T) {
	t.Parallel()
	var second atomic.Bool
	looking, seen := make(chan struct{}), make(chan struct{})
	h := open(t, files.Config{}, files.ScanWith(func(context.Context) (clamav.Verdict, error) {
		if !second.Load() {
			return clamav.Verdict{Name: clamav.Clean}, nil
		}
		looking <- struct{}{}
		<-seen
		return clamav.Verdict{Name: clamav.Infected, Signature: "New"}, nil
	}))
	file := h.await(h.upload("a.txt", []byte("hello")).ID)
	second.Store(true)
	job := h.askRescan(tasks.RescanArgs{All: true})
	<-looking
	content, err := h.Open(t.Context(), h.owner, file.ID)
	require.NoError(t, err)
	require.Equal(t, []byte("hello"), h.download(content, 0, -1))
	close(seen)
	h.untilJob(job.ID, func(j db.Job) bool { return j.State == queue.Succeeded })
	_, err = h.Open(t.Context(), h.owner, file.ID)
	require.Equal(t, files.NotClean, fault.CodeOf(err))
}

func TestARescanGoesOnWhereADeadWorkerLeftIt(t *testing.T) {
	t.Parallel()
	const many = 6
	var scans atomic.Int32
	stuck, dead := make(chan struct{}), make(chan struct{})
	h := open(t, files.Config{RescanParallel: 1, RescanPerSecond: 1000}, files.ScanWith(
		func(ctx context.Context) (clamav.Verdict, error) {
			if scans.Add(1) == many+4 { // in the middle of the rescan
				close(stuck)
				<-dead
				return clamav.Verdict{}, ctx.Err()
			}
			return clamav.Verdict{Name: clamav.Clean}, nil
		}))
	for range many {
		h.await(h.upload("a.txt", []byte("hello")).ID)
	}
	h.exec(`UPDATE files SET checked_with = 'something older'`)
	job := h.askRescan(tasks.RescanArgs{})
	<-stuck
	h.exec(`UPDATE jobs SET epoch = epoch + 1, state = 'queued', dispatched_at = NULL, worker_id = NULL WHERE id = $1`, job.ID)
	h.engine.Wake(tasks.Files)
	done := h.untilJob(job.ID, func(j db.Job) bool { return j.State == queue.Succeeded })
	close(dead)
	require.EqualValues(t, 2, done.Epoch)
	require.EqualValues(t, many+4+3, scans.Load(), "the three that were done are not done again")
	var left int
	require.NoError(t, h.pool.QueryRow(t.Context(),
		`SELECT count(*) FROM files WHERE checked_with = 'something older'`).Scan(&left))
	require.Zero(t, left)
}

func TestAFileThatCannotBeReadKeepsNoOtherFromItsRescan(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{}, verdict(clamav.Clean))
	for range 7 {
		lost := h.await(h.upload("lost.txt", []byte("hello")).ID)
		require.NoError(t, h.bucket.Delete(t.Context(), lost.BlobKey))
	}
	there := h.await(h.upload("there.txt", []byte("hello")).ID)
	require.Equal(t, files.RescanReport{Files: 8, Checked: 1, Failed: 7}, h.rescan(tasks.RescanArgs{All: true}))
	require.Equal(t, files.Clean, h.status(there.ID))
}

func TestARescanWaitsForTheScanner(t *testing.T) {
	t.Parallel()
	h, clamd := changing(t)
	file := h.await(h.upload("a.txt", []byte("hello")).ID)
	require.NoError(t, clamd.Stop(t.Context()))
	job := h.askRescan(tasks.RescanArgs{All: true})
	h.untilJob(job.ID, func(j db.Job) bool { return j.ErrorCode != nil && *j.ErrorCode == string(fault.Unavailable) })
	h.exec(`UPDATE jobs SET max_attempts = 1000 WHERE id = $1`, job.ID)
	require.NoError(t, clamd.Start(t.Context()))
	h.untilJob(job.ID, func(j db.Job) bool { return j.State == queue.Succeeded })
	require.Equal(t, files.Clean, h.status(file.ID))
}

func TestAFileThatIsDeletedDuringItsRescanLeavesNothing(t *testing.T) {
	t.Parallel()
	var h *house
	var rescanning atomic.Bool
	h = open(t, files.Config{}, files.ScanWith(func(context.Context) (clamav.Verdict, error) {
		if !rescanning.Load() {
			return clamav.Verdict{Name: clamav.Clean}, nil
		}
		h.exec(`DELETE FROM files`)
		return clamav.Verdict{Name: clamav.Infected, Signature: "New"}, nil
	}))
	h.await(h.upload("a.txt", []byte("hello")).ID)
	rescanning.Store(true)
	require.Equal(t, files.RescanReport{}, h.rescan(tasks.RescanArgs{All: true}))
	require.Empty(t, h.stored())
}
