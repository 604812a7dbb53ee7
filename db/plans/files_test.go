package plans

import (
	"github.com/google/uuid"

	"rohrpost/db"
)

// Of the files of fill/files.sql.
const (
	cleanFile       = 500_000 // of user 1, with thumbnails
	quarantinedFile = 400_001
	failedFile      = 400_004
	processingFile  = 999_500
)

func files(d *dataset) []check {
	clean, heavy := d.file(cleanFile), d.user(1)
	return []check{
		on("", func(x db.DBTX) {
			q.InsertFile(bg, x, db.InsertFileParams{
				ID: uuid.New(), Owner: heavy, Name: "a.jpg", SHA256: hash(1), JobID: uuid.New(), Status: "processing"})
		}),
		on("", func(x db.DBTX) { q.FileByID(bg, x, clean) }),
		on("", func(x db.DBTX) { q.LockFile(bg, x, clean) }),
		on("", func(x db.DBTX) { q.FileOfOwner(bg, x, db.FileOfOwnerParams{ID: clean, Owner: heavy}) }),
		on("heavy user", func(x db.DBTX) {
			q.FilesByOwnerBefore(bg, x, db.FilesByOwnerBeforeParams{Owner: heavy, Before: uuid.Max, PageSize: 21})
		}),
		on("heavy user, old page", func(x db.DBTX) {
			q.FilesByOwnerBefore(bg, x, db.FilesByOwnerBeforeParams{Owner: heavy, Before: d.file(5000), PageSize: 21})
		}).reading(300, "a tenth of all are theirs, so it may walk all"),
		on("light user", func(x db.DBTX) {
			q.FilesByOwnerBefore(bg, x, db.FilesByOwnerBeforeParams{Owner: d.user(7777), Before: uuid.Max, PageSize: 101})
		}),
		on("", func(x db.DBTX) {
			q.SetFileVerdict(bg, x, db.SetFileVerdictParams{
				Status: "clean", Verdict: new("clean"), ThumbnailStatus: "pending", ID: d.file(processingFile)})
		}),
		on("", func(x db.DBTX) { q.FailFile(bg, x, db.FailFileParams{ID: d.file(processingFile)}) }),
		on("", func(x db.DBTX) { q.ReopenFile(bg, x, d.file(failedFile)) }),
		on("", func(x db.DBTX) {
			q.SetThumbnailStatus(bg, x, db.SetThumbnailStatusParams{ThumbnailStatus: "ready", ID: clean})
		}),
		on("", func(x db.DBTX) {
			q.UpsertThumbnail(bg, x, db.UpsertThumbnailParams{FileID: clean, Name: "small", MediaType: "image/png"})
		}),
		on("a page", func(x db.DBTX) { q.ThumbnailsByFiles(bg, x, d.ids(fileRows, 499_900, 100)) }),
		on("", func(x db.DBTX) {
			q.ThumbnailOfOwner(bg, x, db.ThumbnailOfOwnerParams{FileID: clean, Owner: heavy, Name: "small"})
		}),
		on("", func(x db.DBTX) { q.DeleteFile(bg, x, db.DeleteFileParams{ID: clean, Owner: heavy}) }),
		on("", func(x db.DBTX) {
			q.GiveUpMoves(bg, x, db.GiveUpMovesParams{Ids: d.ids(fileRows, 1000, 100), Moves: make([]int32, 100)})
		}),
		on("", func(x db.DBTX) { q.FilesByIDs(bg, x, d.ids(fileRows, 1000, 1000)) }),
	}
}

func quarantine(d *dataset) []check {
	closed := []string{"quarantined", "refused", "failed"}
	light, newest := d.user(7777), uuid.Max
	const few = "few files are closed, and a search looks at them"
	list := func(arg db.ClosedFilesBeforeParams) func(x db.DBTX) {
		arg.PageSize = 21
		return func(x db.DBTX) { q.ClosedFilesBefore(bg, x, arg) }
	}
	released := func(arg db.ReleasedFilesBeforeParams) func(x db.DBTX) {
		arg.PageSize = 21
		return func(x db.DBTX) { q.ReleasedFilesBefore(bg, x, arg) }
	}
	return []check{
		on("", list(db.ClosedFilesBeforeParams{Before: newest, Statuses: closed})),
		on("old page", list(db.ClosedFilesBeforeParams{Before: d.file(20_000), Statuses: closed})),
		on("failed", list(db.ClosedFilesBeforeParams{Before: newest, Statuses: []string{"failed"}})).reading(5000, few),
		on("light user", list(db.ClosedFilesBeforeParams{Before: newest, Statuses: closed, Owner: &light})).reading(5000, few),
		on("heavy user", list(db.ClosedFilesBeforeParams{Before: newest, Statuses: closed, Owner: new(d.user(1))})),
		on("rare signature", list(db.ClosedFilesBeforeParams{
			Before: newest, Statuses: closed, Signature: new("Rare-Signature")})).reading(5000, few),
		on("", released(db.ReleasedFilesBeforeParams{Before: newest})),
		on("light user", released(db.ReleasedFilesBeforeParams{Before: newest, Owner: &light})).
			reading(500, "releases are made by hand, so there are few"),
		on("rare signature", released(db.ReleasedFilesBeforeParams{Before: newest, Signature: new("Rare-Signature")})).
			reading(500, "releases are made by hand, so there are few"),
		on("", func(x db.DBTX) { q.QuarantinedFile(bg, x, d.file(quarantinedFile)) }),
		on("clean", func(x db.DBTX) { q.QuarantinedFile(bg, x, d.file(cleanFile)) }),
		on("", func(x db.DBTX) {
			q.InsertFileEvent(bg, x, db.InsertFileEventParams{
				ID: uuid.New(), FileID: d.file(cleanFile), Event: "release", Status: "clean", Actor: new(d.user(1))})
		}),
		on("", func(x db.DBTX) { q.FileEvents(bg, x, db.FileEventsParams{FileID: d.file(quarantinedFile), Most: 100}) }),
		on("", func(x db.DBTX) { q.DeleteClosedFile(bg, x, d.file(quarantinedFile)) }),
		on("", func(x db.DBTX) {
			q.ReleaseFile(bg, x, db.ReleaseFileParams{BlobKey: "k", ThumbnailStatus: "none", ID: d.file(quarantinedFile)})
		}),
		on("", func(x db.DBTX) {
			q.ChangeVerdict(bg, x, db.ChangeVerdictParams{
				Status: "quarantined", Verdict: new("infected"), ThumbnailStatus: "none", ID: d.file(cleanFile)})
		}),
		on("", func(x db.DBTX) {
			q.ConfirmVerdict(bg, x, db.ConfirmVerdictParams{ID: d.file(cleanFile), Status: "clean"})
		}),
		on("", func(x db.DBTX) { q.DeleteThumbnails(bg, x, d.file(cleanFile)) }),
		on("all", func(x db.DBTX) {
			q.FilesToCheckAfter(bg, x, db.FilesToCheckAfterParams{Status: "clean", Scanner: "ClamAV newest", PageSize: 500})
		}),
		on("few left", func(x db.DBTX) {
			q.FilesToCheckAfter(bg, x, db.FilesToCheckAfterParams{Status: "clean", Scanner: "ClamAV new", PageSize: 500})
		}).reading(1_000_000, "a rescan goes once over all files, page after page"),
		on("", func(x db.DBTX) {
			q.CountFilesToCheck(bg, x, db.CountFilesToCheckParams{Statuses: []string{"clean"}, Scanner: "ClamAV new"})
		}).scanning(1_000_000, "before a rescan, looks at all files once", "files"),
	}
}
