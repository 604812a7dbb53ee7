package plans

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

// backlog gives each of 2,000 users a line of files, and one of them a long one.
const backlog = `
INSERT INTO jobs (id, kind, queue, args, max_attempts, owner)
SELECT gen_random_uuid(), 'file:scan', 'files', '{}', 8, fill.id(CASE WHEN n <= 20000 THEN 1 ELSE n % 2000 END, 100000000)
FROM generate_series(1, 30000) AS n`

func jobDispatch(d *dataset) []check {
	dispatch := func(queue string, room int64, without ...uuid.UUID) func(x db.DBTX) {
		return func(x db.DBTX) {
			q.DispatchJobs(bg, x, db.DispatchJobsParams{Queue: queue, Room: room, Without: without})
		}
	}
	return []check{
		on("", func(x db.DBTX) { q.DispatchedByOwner(bg, x, "files") }).reading(3000, "counts what lies in Redis"),
		on("some room", dispatch("files", 100)).reading(12_000, "hops over the owners that wait"),
		on("little room", dispatch("files", 1)).reading(12_000, "hops over the owners that wait"),
		on("much room", dispatch("ai", 1000)).reading(400_000, "counts for each what its limits count"),
		on("a backlog", dispatch("files", 100)).after(backlog, "ANALYZE jobs").
			reading(20_000, "hops over the owners that wait, whatever the length of their lines"),
		on("newcomers only", dispatch("files", 32, d.ids(userRows, 1, 100)...)).reading(12_000, "hops over the owners that wait"),
		on("nothing waits", dispatch("no such", 100)),
		on("", func(x db.DBTX) { q.UnparkJob(bg, x, "ai:infer") }).
			reading(20_000, "looks at the head of each line, and counts what its limits count"),
		on("nothing is parked", func(x db.DBTX) { q.UnparkJob(bg, x, "file:scan") }).
			reading(1000, "may look at all that are parked, while those are few"),
		on("", func(x db.DBTX) { q.KindsWithParkedJobs(bg, x) }),
		on("", func(x db.DBTX) { q.QueuesToDispatch(bg, x) }),
		on("", func(x db.DBTX) {
			q.UndispatchJobs(bg, x, db.UndispatchJobsParams{Ids: d.ids(jobRows, 995_000, 100), Epochs: ones(100)})
		}).reading(1000, "looks at each"),
		on("of a queue", func(x db.DBTX) {
			q.OverdueDispatchedJobs(bg, x, db.OverdueDispatchedJobsParams{GraceSeconds: 5, OnlyQueue: new("files")})
		}),
		on("of all queues", func(x db.DBTX) {
			q.OverdueDispatchedJobs(bg, x, db.OverdueDispatchedJobsParams{GraceSeconds: 5})
		}),
		on("nothing is overdue", func(x db.DBTX) {
			q.OverdueDispatchedJobs(bg, x, db.OverdueDispatchedJobsParams{GraceSeconds: 1e8})
		}).reading(3000, "may look at all that lies in Redis, which is bounded"),
		on("", func(x db.DBTX) {
			q.RedispatchLostJobs(bg, x, db.RedispatchLostJobsParams{Ids: d.ids(jobRows, 995_000, 100), Epochs: ones(100)})
		}).reading(1000, "looks at each"),
	}
}

func waits(d *dataset) []check {
	heavy, last := d.user(1), d.at(jobRows, jobRows)
	return []check{
		on("", func(x db.DBTX) { q.QueueForce(bg, x, db.QueueForceParams{Queue: "files", SilenceSeconds: 1e6}) }).
			reading(1000, "counts the jobs that run"),
		on("", func(x db.DBTX) {
			q.RecentlyEndedJobs(bg, x, db.RecentlyEndedJobsParams{Queue: "files", AgeSeconds: 86400, Most: 200})
		}),
		on("rare queue", func(x db.DBTX) {
			q.RecentlyEndedJobs(bg, x, db.RecentlyEndedJobsParams{Queue: "maintenance", AgeSeconds: 86400, Most: 200})
		}),
		on("", func(x db.DBTX) {
			q.OwnJobsInLineBefore(bg, x, db.OwnJobsInLineBeforeParams{
				Queue: "files", Owner: heavy, RunAt: last, ID: d.job(waitingJob), Most: 1000})
		}).reading(1000, "counts up to a bound"),
		on("", func(x db.DBTX) {
			q.JobsInTurnsBefore(bg, x, db.JobsInTurnsBeforeParams{
				Queue: "files", Turn: 20, Owner: heavy, RunAt: last, ID: d.job(waitingJob), Most: 1000})
		}).reading(20_000, "counts up to a bound, hopping from owner to owner"),
		on("a backlog", func(x db.DBTX) {
			q.JobsInTurnsBefore(bg, x, db.JobsInTurnsBeforeParams{
				Queue: "files", Turn: 20_000, Owner: heavy, RunAt: last, ID: uuid.Max, Most: 1000})
		}).after(backlog).reading(20_000, "counts up to a bound, hopping from owner to owner"),
		on("", func(x db.DBTX) {
			q.DispatchedJobsBefore(bg, x, db.DispatchedJobsBeforeParams{
				Queue: "files", Owner: heavy, InLineAt: last, ID: d.job(dispatchedJob), Most: 1000})
		}).reading(2000, "counts what lies in Redis, which is bounded"),
		on("", func(x db.DBTX) {
			q.OwnParkedJobsBefore(bg, x, db.OwnParkedJobsBeforeParams{
				Kind: "ai:infer", LimitKey: "model1", Owner: heavy, RunAt: last, ID: d.job(parkedJob), Most: 1000})
		}).reading(1000, "counts up to a bound"),
		on("", func(x db.DBTX) {
			q.ParkedJobsInTurnsBefore(bg, x, db.ParkedJobsInTurnsBeforeParams{
				Kind: "ai:infer", LimitKey: "model1", Turn: 5, Owner: heavy, Most: 1000})
		}).reading(5000, "counts up to a bound, hopping from owner to owner"),
		on("", func(x db.DBTX) { q.FailuresByQueue(bg, x) }).
			reading(50_000, "counts what failed in a day, and the dead letters"),
	}
}

func deadLetters(d *dataset) []check {
	before := func(arg db.DeadLettersBeforeParams) func(x db.DBTX) {
		arg.PageSize = 21
		return func(x db.DBTX) { q.DeadLettersBefore(bg, x, arg) }
	}
	const some = "dead letters are few, and looked through when somebody searches them"
	return []check{
		on("", func(x db.DBTX) { q.DeadLetterGroups(bg, x, db.DeadLetterGroupsParams{Most: 100}) }).
			reading(20_000, "counts all dead letters"),
		on("of a kind", func(x db.DBTX) {
			q.DeadLetterGroups(bg, x, db.DeadLetterGroupsParams{Kind: new("file:scan"), Code: new("timeout"), Most: 100})
		}).reading(20_000, "counts the dead letters"),
		on("", before(db.DeadLettersBeforeParams{Before: uuid.Max})),
		on("of a cause", before(db.DeadLettersBeforeParams{Before: uuid.Max, Kind: new("file:scan"), Code: new("timeout")})),
		on("no such kind", before(db.DeadLettersBeforeParams{Before: uuid.Max, Kind: new("no:such")})).reading(10_000, some),
		on("no such text", before(db.DeadLettersBeforeParams{Before: uuid.Max, Q: new("nothing")})).reading(10_000, some),
		on("of a day", before(db.DeadLettersBeforeParams{
			Before: uuid.Max, Since: new(d.at(100, 300)), Until: new(d.at(110, 300))})).reading(10_000, some),
		on("all", func(x db.DBTX) { q.CountDeadLetters(bg, x, db.CountDeadLettersParams{}) }).
			reading(20_000, "counts all dead letters"),
		on("named", func(x db.DBTX) {
			q.CountDeadLetters(bg, x, db.CountDeadLettersParams{Ids: d.ids(jobRows, 900_000, 100)})
		}).reading(200, "looks at each"),
		on("all", func(x db.DBTX) { q.DeadLettersAfter(bg, x, db.DeadLettersAfterParams{Most: 500}) }),
		on("named", func(x db.DBTX) {
			q.DeadLettersAfter(bg, x, db.DeadLettersAfterParams{Ids: d.ids(jobRows, 900_000, 100), Most: 500})
		}).reading(200, "looks at each"),
		on("of a kind", func(x db.DBTX) {
			q.DeadLettersAfter(bg, x, db.DeadLettersAfterParams{Kind: new("file:scan"), Most: 500})
		}).reading(10_000, some),
		on("", func(x db.DBTX) {
			q.DiscardDeadLetters(bg, x, db.DiscardDeadLettersParams{
				Ids: d.ids(jobRows, 900_000, 500), FailedBy: new(time.Now())})
		}).reading(1000, "looks at each"),
		on("", func(x db.DBTX) { q.Now(bg, x) }),
	}
}

func workers(d *dataset) []check {
	worker := d.worker(livingWorker)
	return []check{
		on("", func(x db.DBTX) {
			q.RegisterWorker(bg, x, db.RegisterWorkerParams{ID: uuid.New(), Host: "here", Queues: []byte(`{}`)})
		}),
		on("", func(x db.DBTX) { q.Heartbeat(bg, x, worker) }),
		on("", func(x db.DBTX) { q.RunningJobsOfWorker(bg, x, &worker) }),
		on("a dead one that did much", func(x db.DBTX) { q.RunningJobsOfWorker(bg, x, new(d.worker(30))) }),
		on("", func(x db.DBTX) { q.WorkerBeats(bg, x) }),
		on("", func(x db.DBTX) { q.Workers(bg, x) }),
		on("", func(x db.DBTX) { q.RemoveSilentWorker(bg, x, db.RemoveSilentWorkerParams{ID: worker}) }),
		on("", func(x db.DBTX) { q.RemoveWorker(bg, x, worker) }),
		on("", func(x db.DBTX) { q.CapacityByQueue(bg, x) }),
		on("", func(x db.DBTX) { q.QueuePauses(bg, x) }),
		on("", func(x db.DBTX) { q.PauseOfQueue(bg, x, "reports") }),
		on("", func(x db.DBTX) { q.PauseQueue(bg, x, db.PauseQueueParams{Queue: "files", Actor: new(d.user(1))}) }),
		on("", func(x db.DBTX) { q.ResumeQueue(bg, x, "reports") }),
	}
}
