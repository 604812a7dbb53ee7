package plans

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

// Of the jobs of fill/jobs.sql: these live, in the order of their numbers, and users 1 to 5 have most of them.
const (
	endedJob      = 500_001
	failedJob     = 900_050 // not discarded
	runningJob    = 995_050
	dispatchedJob = 995_101 // a file:thumbnail
	waitingJob    = 995_145 // a file:scan
	waitingAI     = 995_149
	parkedJob     = 995_119 // an ai:infer
	lostWorker    = 0       // ran jobs and is gone
	livingWorker  = 10

	searched = 5000 // jobs that a search looks at
)

func (d *dataset) worker(n int64) uuid.UUID { return d.id(n, workerRows) }

func jobReads(d *dataset) []check {
	heavy, light, newest := d.user(1), d.user(7777), uuid.Max
	const (
		searches = "a search looks at 5,000 jobs"
		among    = "a search looks at 5,000 jobs of the owner, and a tenth of all are theirs, so it may walk all"
	)
	ofHeavy, ofAll := d.job(jobRows-10*searched), d.job(jobRows-searched) // floors: a tenth of all are the heavy user's
	byOwner := func(arg db.JobsByOwnerBeforeParams) func(x db.DBTX) {
		arg.PageSize = 21
		return func(x db.DBTX) { q.JobsByOwnerBefore(bg, x, arg) }
	}
	all := func(arg db.JobsBeforeParams) func(x db.DBTX) {
		arg.PageSize = 21
		return func(x db.DBTX) { q.JobsBefore(bg, x, arg) }
	}
	return []check{
		on("", func(x db.DBTX) { q.JobByID(bg, x, d.job(endedJob)) }),
		on("", func(x db.DBTX) { q.JobOfOwner(bg, x, db.JobOfOwnerParams{ID: d.job(endedJob), Owner: light}) }),
		on("", func(x db.DBTX) { q.JobToClaim(bg, x, d.job(waitingJob)) }),
		on("", func(x db.DBTX) { q.JobsRunning(bg, x, d.ids(jobRows, 990_000, 1000)) }).
			reading(1000, "asks of each whether it runs"),
		on("", func(x db.DBTX) {
			q.UnfinishedUniqueJob(bg, x, db.UnfinishedUniqueJobParams{Kind: "cleanup:sweep", UniqueKey: "sweep/1000013"})
		}),
		on("heavy user", byOwner(db.JobsByOwnerBeforeParams{Owner: heavy, Before: newest})),
		on("heavy user, old page", byOwner(db.JobsByOwnerBeforeParams{Owner: heavy, Before: d.job(20_000)})).
			reading(300, "a tenth of all are theirs, so it may walk all"),
		on("light user", byOwner(db.JobsByOwnerBeforeParams{Owner: light, Before: newest})),
		on("nobody", byOwner(db.JobsByOwnerBeforeParams{Owner: uuid.Max, Before: newest})),
		on("succeeded", byOwner(db.JobsByOwnerBeforeParams{
			Owner: heavy, Before: newest, Floor: ofHeavy, State: new("succeeded")})).reading(11*searched, among),
		on("failed", byOwner(db.JobsByOwnerBeforeParams{
			Owner: heavy, Before: newest, Floor: ofHeavy, State: new("failed")})).reading(11*searched, among),
		on("running", byOwner(db.JobsByOwnerBeforeParams{Owner: heavy, Before: newest, State: new("running")})),
		on("rare kind", byOwner(db.JobsByOwnerBeforeParams{
			Owner: heavy, Before: newest, Floor: ofHeavy, Kind: new("report:build")})).reading(11*searched, among),
		on("unknown kind", byOwner(db.JobsByOwnerBeforeParams{
			Owner: heavy, Before: newest, Floor: ofHeavy, Kind: new("no:such")})).reading(11*searched, among),
		on("", all(db.JobsBeforeParams{Before: newest})),
		on("old page", all(db.JobsBeforeParams{Before: d.job(20_000)})),
		on("running", all(db.JobsBeforeParams{Before: newest, State: new("running")})),
		on("failed", all(db.JobsBeforeParams{Before: newest, Floor: ofAll, State: new("failed")})).
			reading(searched+1, searches),
		on("rare kind", all(db.JobsBeforeParams{Before: newest, Floor: ofAll, Kind: new("cleanup:sweep")})).
			reading(searched+1, searches),
		on("unknown kind", all(db.JobsBeforeParams{Before: newest, Floor: ofAll, Kind: new("no:such")})).
			reading(searched+1, searches),
		on("rare queue", all(db.JobsBeforeParams{Before: newest, Floor: ofAll, Queue: new("maintenance")})).
			reading(searched+1, searches),
		on("light user", all(db.JobsBeforeParams{Before: newest, Owner: &light})),
		on("heavy user, failed, of a kind", all(db.JobsBeforeParams{
			Before: newest, Floor: ofHeavy, Owner: &heavy, State: new("failed"), Kind: new("file:scan")})).
			reading(11*searched, among),
		on("", func(x db.DBTX) { q.JobsFloor(bg, x, db.JobsFloorParams{Before: newest, Look: searched}) }).
			reading(searched+1, "counts them off"),
		on("heavy user", func(x db.DBTX) {
			q.JobsByOwnerFloor(bg, x, db.JobsByOwnerFloorParams{Owner: heavy, Before: newest, Look: searched})
		}).reading(searched+1, "counts them off"),
		on("light user", func(x db.DBTX) {
			q.JobsByOwnerFloor(bg, x, db.JobsByOwnerFloorParams{Owner: light, Before: newest, Look: searched})
		}).reading(1000, "counts all that they have"),
		on("", func(x db.DBTX) { q.RunningJobs(bg, x) }),
		on("", func(x db.DBTX) { q.JobCountsByQueue(bg, x) }).reading(30_000, "counts all jobs that live"),
	}
}

func jobClaims(d *dataset) []check {
	worker := d.worker(livingWorker)
	return []check{
		on("", func(x db.DBTX) {
			q.InsertJob(bg, x, db.InsertJobParams{ID: uuid.Must(uuid.NewV7()), Kind: "file:scan", Queue: "files",
				Args: json.RawMessage(`{}`), MaxAttempts: 8, Owner: d.user(1)})
		}),
		on("", func(x db.DBTX) {
			q.AddJob(bg, x, db.AddJobParams{ID: uuid.Must(uuid.NewV7()), Kind: "file:scan", Queue: "files",
				Args: json.RawMessage(`{}`), MaxAttempts: 8, Owner: d.user(1)})
		}),
		on("unique", func(x db.DBTX) {
			q.InsertJob(bg, x, db.InsertJobParams{ID: uuid.Must(uuid.NewV7()), Kind: "cleanup:sweep", Queue: "maintenance",
				Args: json.RawMessage(`{}`), MaxAttempts: 8, UniqueKey: new("sweep/1000013")})
		}),
		on("", func(x db.DBTX) {
			q.ClaimJob(bg, x, db.ClaimJobParams{WorkerID: &worker, ID: d.job(dispatchedJob), Epoch: 1, LastChance: 2})
		}),
		on("many", func(x db.DBTX) {
			ids := d.ids(jobRows, 995_000, 256)
			q.ClaimJobs(bg, x, db.ClaimJobsParams{WorkerID: &worker, LastChance: 2, Ids: ids, Epochs: ones(len(ids))})
		}),
		on("", func(x db.DBTX) { q.LockJobLimits(bg, x, d.job(waitingAI)) }),
		on("", func(x db.DBTX) {
			q.ClaimLimitedJob(bg, x, db.ClaimLimitedJobParams{WorkerID: &worker, ID: d.job(waitingAI), Epoch: 1})
		}).reading(300, "counts the jobs of its owner and its key that run"),
		on("", func(x db.DBTX) { q.ParkJob(bg, x, db.ParkJobParams{ID: d.job(dispatchedJob), Epoch: 1}) }),
		on("", func(x db.DBTX) { q.HoldPausedJob(bg, x, db.HoldPausedJobParams{ID: d.job(dispatchedJob), Epoch: 1}) }),
		on("", func(x db.DBTX) { q.SetJobProgress(bg, x, db.SetJobProgressParams{ID: d.job(runningJob), Epoch: 1}) }),
		on("", func(x db.DBTX) { q.LimitsOfJob(bg, x, d.job(waitingAI)) }).
			reading(300, "counts the jobs of its owner and its key that run"),
	}
}

func jobEnds(d *dataset) []check {
	worker := d.worker(livingWorker)
	code := new("timeout")
	return []check{
		on("", func(x db.DBTX) { q.CompleteJob(bg, x, db.CompleteJobParams{ID: d.job(runningJob), Epoch: 1}) }),
		on("many", func(x db.DBTX) {
			ids := d.ids(jobRows, 995_000, 256)
			q.CompleteJobs(bg, x, db.CompleteJobsParams{Ids: ids, Epochs: ones(len(ids)), Results: slices.Repeat([]string{"{}"}, len(ids))})
		}).reading(2000, "looks at each, though few of these run"),
		on("", func(x db.DBTX) {
			q.FailJob(bg, x, db.FailJobParams{ErrorCode: code, ErrorMessage: code, ID: d.job(runningJob), Epoch: 1})
		}),
		on("", func(x db.DBTX) {
			q.RetryJobLater(bg, x, db.RetryJobLaterParams{DelaySeconds: 1, ErrorCode: code, ID: d.job(runningJob), Epoch: 1})
		}),
		on("", func(x db.DBTX) {
			q.AbandonJob(bg, x, db.AbandonJobParams{DelaySeconds: 1, ErrorCode: code, ID: d.job(runningJob), Epoch: 1})
		}),
		on("", func(x db.DBTX) {
			q.ReleaseJobs(bg, x, db.ReleaseJobsParams{Ids: []uuid.UUID{d.job(runningJob)}, WorkerID: &worker})
		}).reading(100, "may look at all jobs of the worker"),
		on("running", func(x db.DBTX) { q.CancelJob(bg, x, db.CancelJobParams{ID: d.job(runningJob)}) }),
		on("ended", func(x db.DBTX) { q.CancelJob(bg, x, db.CancelJobParams{ID: d.job(endedJob)}) }),
		on("", func(x db.DBTX) { q.RerunJob(bg, x, d.job(failedJob)) }),
		on("", func(x db.DBTX) {
			q.RerunDeadJob(bg, x, db.RerunDeadJobParams{ID: d.job(failedJob), FailedBy: new(time.Now())})
		}),
		on("", func(x db.DBTX) { q.DiscardJob(bg, x, d.job(failedJob)) }),
		on("", func(x db.DBTX) { q.RequeueJobsOfLostWorkers(bg, x, 3) }).reading(1000, "looks at all jobs that run"),
		on("", func(x db.DBTX) {
			q.FailJobsThatKillWorkers(bg, x, db.FailJobsThatKillWorkersParams{ErrorMessage: code, MaxCrashes: 3})
		}).reading(1000, "looks at all jobs that run"),
	}
}

func ones(n int) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = 1
	}
	return all
}

// ids are those of n rows.
func (d *dataset) ids(total, from int64, n int) []uuid.UUID {
	all := make([]uuid.UUID, n)
	for i := range all {
		all[i] = d.id(from+int64(i), total)
	}
	return all
}
