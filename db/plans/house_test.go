package plans

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

func schedules(d *dataset) []check {
	const name = "schedule7"
	kinds := []string{"cleanup:sweep"}
	return []check{
		on("", func(x db.DBTX) { q.ClockTime(bg, x, nil) }),
		on("", func(x db.DBTX) {
			q.InsertSchedule(bg, x, db.InsertScheduleParams{Name: "new", CatchUp: "once", Args: []byte(`{}`), NextAt: time.Now()})
		}),
		on("", func(x db.DBTX) {
			q.SeedSchedule(bg, x, db.SeedScheduleParams{Name: name, CatchUp: "once", Args: []byte(`{}`), NextAt: time.Now()})
		}),
		on("", func(x db.DBTX) { q.Schedules(bg, x) }),
		on("", func(x db.DBTX) { q.ScheduleByName(bg, x, name) }),
		on("", func(x db.DBTX) { q.LockSchedule(bg, x, name) }),
		on("", func(x db.DBTX) {
			q.UpdateSchedule(bg, x, db.UpdateScheduleParams{Name: name, CatchUp: "once", Args: []byte(`{}`), NextAt: new(time.Now())})
		}),
		on("", func(x db.DBTX) { q.DeleteSchedule(bg, x, "none") }),
		on("", func(x db.DBTX) { q.TakeDueSchedule(bg, x, db.TakeDueScheduleParams{Kinds: kinds}) }).
			reading(30, "there are few schedules"),
		on("", func(x db.DBTX) { q.SecondsToNextTick(bg, x, db.SecondsToNextTickParams{Kinds: kinds}) }).
			reading(30, "there are few schedules"),
		on("", func(x db.DBTX) { q.MoveSchedule(bg, x, db.MoveScheduleParams{NextAt: time.Now(), Name: name}) }),
		on("", func(x db.DBTX) { q.SetScheduleAside(bg, x, db.SetScheduleAsideParams{Name: name}) }),
		on("", func(x db.DBTX) {
			q.FiredTicks(bg, x, db.FiredTicksParams{Schedule: name, Ticks: []time.Time{d.at(6, 200_000), d.at(7, 200_000)}})
		}),
		on("", func(x db.DBTX) {
			q.InsertTicks(bg, x, db.InsertTicksParams{
				Schedule: name, Ticks: []time.Time{time.Now()}, Jobs: []uuid.UUID{uuid.New()}, FiredAt: time.Now()})
		}),
		on("", func(x db.DBTX) {
			q.RunsBefore(bg, x, db.RunsBeforeParams{Schedule: name, Before: time.Now(), PageSize: 21})
		}),
		on("all", func(x db.DBTX) {
			q.LastRuns(bg, x, []string{"schedule1", "schedule2", "schedule3", "schedule4", "schedule5", "none"})
		}).reading(100, "looks at all schedules, and the last tick of each"),
	}
}

func reports(d *dataset) []check {
	id, job, heavy := d.id(25_000, reportRows), d.id(25_000, reportRows), d.user(1)
	return []check{
		on("", func(x db.DBTX) {
			q.InsertReport(bg, x, db.InsertReportParams{ID: uuid.New(), Owner: heavy, Scope: "mine", FromAt: d.at(1, 2),
				ToAt: d.at(2, 2), Formats: []string{"pdf"}, JobID: uuid.New()})
		}),
		on("", func(x db.DBTX) { q.ReportByID(bg, x, id) }),
		on("", func(x db.DBTX) { q.ReportOfOwner(bg, x, db.ReportOfOwnerParams{ID: id, Owner: heavy}) }),
		on("heavy user", func(x db.DBTX) {
			q.ReportsByOwnerBefore(bg, x, db.ReportsByOwnerBeforeParams{Owner: heavy, Before: uuid.Max, PageSize: 21})
		}),
		on("light user", func(x db.DBTX) {
			q.ReportsByOwnerBefore(bg, x, db.ReportsByOwnerBeforeParams{Owner: d.user(7777), Before: uuid.Max, PageSize: 21})
		}),
		on("a page", func(x db.DBTX) { q.FilesOfReports(bg, x, d.ids(reportRows, 25_000, 20)) }),
		on("", func(x db.DBTX) {
			q.InsertReportFile(bg, x, db.InsertReportFileParams{ReportID: id, Format: "html", FileID: d.file(500_005)})
		}),
		on("", func(x db.DBTX) { q.MarkReportBuilt(bg, x, d.id(49_995, reportRows)) }),
		on("", func(x db.DBTX) { q.FailReport(bg, x, db.FailReportParams{JobID: d.id(49_995, reportRows)}) }),
		on("", func(x db.DBTX) { q.ReopenReport(bg, x, job) }),
		on("", func(x db.DBTX) { q.DeleteReport(bg, x, db.DeleteReportParams{ID: id, Owner: heavy}) }),
		on("", func(x db.DBTX) {
			q.AdminsWithoutWeeklyReport(bg, x, db.AdminsWithoutWeeklyReportParams{FromAt: d.at(1, 4), ToAt: d.at(2, 4)})
		}),
	}
}

// usage is what reports count. Everybody's month is everything there is.
func usage(d *dataset) []check {
	const (
		planned = "the transaction of a report has its statements planned for their values"
		counts  = "counts what there was in the period"
	)
	from, until := d.at(0, 30), d.at(30, 30)
	day := d.at(29, 30)
	bounds := make([]time.Time, 30)
	for i := range bounds {
		bounds[i] = d.at(int64(i), 30)
	}
	light := new(d.user(7777))
	return []check{
		on("", func(x db.DBTX) { q.UsageSnapshot(bg, x) }),
		on("everyone", func(x db.DBTX) { q.JobUsage(bg, x, db.JobUsageParams{FromAt: from, Until: until}) }).
			planned(planned).scanning(1_600_000, counts, "jobs", "job_history"),
		on("everyone, a day", func(x db.DBTX) { q.JobUsage(bg, x, db.JobUsageParams{FromAt: day, Until: until}) }).
			planned(planned).reading(60_000, counts),
		on("light user", func(x db.DBTX) {
			q.JobUsage(bg, x, db.JobUsageParams{FromAt: from, Until: until, Owner: light})
		}).planned(planned).reading(300, counts),
		on("everyone", func(x db.DBTX) {
			q.JobUsageByDay(bg, x, db.JobUsageByDayParams{Bounds: bounds, FromAt: from, Until: until})
		}).planned(planned).scanning(1_600_000, counts, "jobs", "job_history"),
		on("light user", func(x db.DBTX) {
			q.JobUsageByDay(bg, x, db.JobUsageByDayParams{Bounds: bounds, FromAt: from, Until: until, Owner: light})
		}).planned(planned).reading(300, counts),
		on("everyone", func(x db.DBTX) { q.FileUsage(bg, x, db.FileUsageParams{FromAt: from, Until: until}) }).
			planned(planned).scanning(1_300_000, counts, "files", "file_history"),
		on("everyone, a day", func(x db.DBTX) { q.FileUsage(bg, x, db.FileUsageParams{FromAt: day, Until: until}) }).
			planned(planned).reading(50_000, counts),
		on("light user", func(x db.DBTX) {
			q.FileUsage(bg, x, db.FileUsageParams{FromAt: from, Until: until, Owner: light})
		}).planned(planned).reading(300, counts),
		on("light user", func(x db.DBTX) {
			q.FileUsageByDay(bg, x, db.FileUsageByDayParams{Bounds: bounds, FromAt: from, Until: until, Owner: light})
		}).planned(planned).reading(300, counts),
		on("everyone", func(x db.DBTX) { q.StorageAt(bg, x, db.StorageAtParams{Until: until}) }).
			planned(planned).scanning(1_300_000, "counts what there is", "files", "file_history"),
		on("light user", func(x db.DBTX) { q.StorageAt(bg, x, db.StorageAtParams{Until: until, Owner: light}) }).
			planned(planned).reading(300, counts),
		on("everyone", func(x db.DBTX) { q.ThumbnailBytes(bg, x, db.ThumbnailBytesParams{Until: until}) }).
			planned(planned).scanning(1_700_000, "counts what there is", "files", "thumbnails"),
		on("light user", func(x db.DBTX) { q.ThumbnailBytes(bg, x, db.ThumbnailBytesParams{Until: until, Owner: light}) }).
			planned(planned).reading(600, counts),
		on("everyone", func(x db.DBTX) { q.AIUsage(bg, x, db.AIUsageParams{FromAt: from, Until: until, Most: 100}) }).
			planned(planned).scanning(600_000, counts, "ai_queries"),
		on("light user", func(x db.DBTX) {
			q.AIUsage(bg, x, db.AIUsageParams{FromAt: from, Until: until, Owner: light, Most: 100})
		}).planned(planned).reading(300, counts),
		on("light user", func(x db.DBTX) {
			q.AIUsageByDay(bg, x, db.AIUsageByDayParams{Bounds: bounds, FromAt: from, Until: until, Owner: light})
		}).planned(planned).reading(300, counts),
		on("a day", func(x db.DBTX) { q.UsageByUser(bg, x, db.UsageByUserParams{Most: 1000, FromAt: day, Until: until}) }).
			planned(planned).scanning(200_000, counts+", and looks up each user", "users"),
	}
}

func backups(d *dataset) []check {
	id, job := d.id(395, backupRows), d.id(395, backupRows)
	return []check{
		on("", func(x db.DBTX) { q.InsertBackup(bg, x, db.InsertBackupParams{ID: uuid.New(), JobID: new(uuid.New())}) }),
		on("", func(x db.DBTX) { q.BeginBackup(bg, x, db.BeginBackupParams{ID: uuid.New(), JobID: new(uuid.New())}) }),
		on("", func(x db.DBTX) { q.SetBackupTaken(bg, x, db.SetBackupTakenParams{ID: id}) }),
		on("", func(x db.DBTX) { q.SetBackupVerifying(bg, x, db.SetBackupVerifyingParams{ID: id}) }),
		on("", func(x db.DBTX) { q.SucceedBackup(bg, x, db.SucceedBackupParams{ID: id}) }),
		on("", func(x db.DBTX) { q.FailBackup(bg, x, db.FailBackupParams{ID: id, JobID: &job}) }),
		on("", func(x db.DBTX) { q.RequeueBackup(bg, x, job) }),
		on("", func(x db.DBTX) { q.SetBackupVerified(bg, x, db.SetBackupVerifiedParams{VerifiedBy: "hashes", ID: id}) }),
		on("", func(x db.DBTX) { q.SetBackupDamaged(bg, x, db.SetBackupDamagedParams{ID: id}) }),
		on("", func(x db.DBTX) { q.SetBackupDeleted(bg, x, id) }),
		on("", func(x db.DBTX) { q.BackupByID(bg, x, id) }),
		on("", func(x db.DBTX) { q.BackupsBefore(bg, x, db.BackupsBeforeParams{Before: uuid.Max, PageSize: 21}) }),
		on("failed", func(x db.DBTX) {
			q.BackupsBefore(bg, x, db.BackupsBeforeParams{Before: uuid.Max, State: new("failed"), PageSize: 21})
		}).reading(400, "there are few backups"),
		on("", func(x db.DBTX) { q.LockKeptBackups(bg, x) }),
		on("", func(x db.DBTX) { q.BackupStates(bg, x) }),
		on("", func(x db.DBTX) { q.NewestBackup(bg, x) }).reading(400, "there are few backups"),
		on("", func(x db.DBTX) { q.AdoptBackup(bg, x, db.AdoptBackupParams{ID: uuid.New()}) }),
		on("", func(x db.DBTX) { q.DeleteOldBackupRecords(bg, x, 5) }).reading(400, "there are few backups"),
		on("", func(x db.DBTX) { q.BackupInstallation(bg, x) }),
	}
}

func backupBlobs(d *dataset) []check {
	keys := []string{"files/7", "files/70000", "none"}
	parts := []string{"parts/7", "parts/70000", "none"}
	return []check{
		on("", func(x db.DBTX) { q.BackupSources(bg, x, keys) }),
		on("", func(x db.DBTX) {
			q.SetBackupSources(bg, x, db.SetBackupSourcesParams{Keys: keys, Sizes: make([]int64, 3),
				ModTimes: make([]time.Time, 3), Hashes: [][]byte{hash(1), hash(2), hash(3)}})
		}),
		on("", func(x db.DBTX) { q.ForgetBackupSource(bg, x, "files/7") }),
		on("", func(x db.DBTX) {
			q.InsertBackupBlob(bg, x, db.InsertBackupBlobParams{PartKey: "new", SHA256: hash(1), PartSha256: hash(1)})
		}),
		on("", func(x db.DBTX) {
			q.AdoptBackupBlobs(bg, x, db.AdoptBackupBlobsParams{PartKeys: parts, Hashes: [][]byte{hash(1), hash(2), hash(3)},
				PartHashes: [][]byte{hash(1), hash(2), hash(3)}, PartSizes: make([]int64, 3)})
		}),
		on("a range", func(x db.DBTX) {
			q.BackupBlobsOf(bg, x, db.BackupBlobsOfParams{FromHash: []byte{0x10}, ToHash: []byte{0x11}, Recipients: "age1"})
		}),
		on("the last range", func(x db.DBTX) {
			q.BackupBlobsOf(bg, x, db.BackupBlobsOfParams{FromHash: []byte{0xff}, Recipients: "age1"})
		}),
		on("", func(x db.DBTX) { q.SetBackupBlobBroken(bg, x, "parts/7") }),
		on("", func(x db.DBTX) { q.KnownBackupParts(bg, x, parts) }),
		on("", func(x db.DBTX) { q.UnneededBackupBlobs(bg, x, 500) }).
			reading(50_000, "compares each with the backups that are kept, which are few"),
		on("", func(x db.DBTX) { q.ForgetBackupBlobs(bg, x, parts) }),
	}
}
