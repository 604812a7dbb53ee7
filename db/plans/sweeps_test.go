package plans

import "rohrpost/db"

// Ages in seconds: by the first all is old but a day's rows, by the second a tenth, by the third nothing.
const (
	aDay   = 86_400
	mostly = 27 * aDay
	ages   = 400 * aDay
)

func sweeps(d *dataset) []check {
	const (
		batch  = 1000
		counts = "a dry run counts what a sweep would delete"
	)
	ended := func(age float64, states ...string) func(x db.DBTX) {
		return func(x db.DBTX) {
			q.DeleteEndedJobs(bg, x, db.DeleteEndedJobsParams{Since: d.start, AgeSeconds: age, States: states, Most: batch})
		}
	}
	keys := []string{"orphan/1", "orphan/2", "none"}
	return []check{
		on("many", ended(mostly, "succeeded", "cancelled")),
		on("failed", ended(mostly, "failed")),
		on("nothing", ended(ages, "succeeded", "cancelled")),
		// What succeeded is gone, and what failed stays for months.
		on("after the last batch", ended(mostly, "succeeded", "cancelled")).
			after("DELETE FROM jobs WHERE finished_at < now() - interval '27 days' AND state IN ('succeeded', 'cancelled')").
			reading(5000, "passes once over what failed and stays"),
		on("", func(x db.DBTX) {
			q.CountEndedJobs(bg, x, db.CountEndedJobsParams{AgeSeconds: mostly, States: []string{"succeeded", "cancelled"}})
		}).scanning(1_100_000, counts, "jobs"),
		on("", func(x db.DBTX) {
			q.DeleteIdempotencyKeys(bg, x, db.DeleteIdempotencyKeysParams{AgeSeconds: aDay, Most: batch})
		}),
		on("", func(x db.DBTX) { q.CountIdempotencyKeys(bg, x, mostly) }).scanning(100_000, counts, "idempotency_keys"),
		on("", func(x db.DBTX) { q.DeleteTicks(bg, x, db.DeleteTicksParams{AgeSeconds: aDay, Most: batch}) }),
		on("nothing", func(x db.DBTX) { q.DeleteTicks(bg, x, db.DeleteTicksParams{AgeSeconds: ages, Most: batch}) }),
		on("", func(x db.DBTX) { q.CountTicks(bg, x, mostly) }).scanning(500_000, counts, "schedule_ticks"),
		on("", func(x db.DBTX) { q.DeleteOldMails(bg, x, db.DeleteOldMailsParams{AgeSeconds: aDay, Most: batch}) }),
		on("nothing", func(x db.DBTX) { q.DeleteOldMails(bg, x, db.DeleteOldMailsParams{AgeSeconds: ages, Most: batch}) }),
		on("", func(x db.DBTX) { q.CountOldMails(bg, x, mostly) }).scanning(300_000, counts, "mails"),
		on("", func(x db.DBTX) { q.DeleteExpiredMailTokens(bg, x, batch) }),
		on("", func(x db.DBTX) { q.CountExpiredMailTokens(bg, x) }).scanning(100_000, counts, "mail_tokens"),
		on("", func(x db.DBTX) { q.OldQuarantine(bg, x, db.OldQuarantineParams{AgeSeconds: aDay, Most: batch}) }),
		on("nothing", func(x db.DBTX) { q.OldQuarantine(bg, x, db.OldQuarantineParams{AgeSeconds: ages, Most: batch}) }),
		on("", func(x db.DBTX) { q.CountOldQuarantine(bg, x, mostly) }).reading(3000, counts),
		on("", func(x db.DBTX) { q.NoticeOrphans(bg, x, keys) }),
		on("", func(x db.DBTX) {
			q.OrphansNoticedBefore(bg, x, db.OrphansNoticedBeforeParams{Keys: keys, AgeSeconds: aDay})
		}),
		on("", func(x db.DBTX) { q.ForgetOrphans(bg, x, keys) }),
		on("a tenth", func(x db.DBTX) { q.ForgetVanishedOrphans(bg, x, mostly) }),
		on("nothing", func(x db.DBTX) { q.ForgetVanishedOrphans(bg, x, ages) }),
		on("", func(x db.DBTX) { q.DeleteExpiredSessions(bg, x, batch) }),
		on("", func(x db.DBTX) { q.CountExpiredSessions(bg, x) }).scanning(200_000, counts, "sessions"),
		on("", func(x db.DBTX) {
			q.DeleteUsedRefreshTokens(bg, x, db.DeleteUsedRefreshTokensParams{Before: new(d.at(2, 3)), Most: batch})
		}),
		on("", func(x db.DBTX) { q.CountUsedRefreshTokens(bg, x, new(d.at(1, 10))) }).
			scanning(500_000, counts, "refresh_tokens"),
		on("nothing", func(x db.DBTX) { q.MoveHistoryHorizon(bg, x, ages) }),
		on("some", func(x db.DBTX) { q.MoveHistoryHorizon(bg, x, aDay) }),
		on("", func(x db.DBTX) { q.DeleteJobHistory(bg, x, db.DeleteJobHistoryParams{AgeSeconds: aDay, Most: batch}) }),
		on("", func(x db.DBTX) { q.DeleteFileHistory(bg, x, db.DeleteFileHistoryParams{AgeSeconds: aDay, Most: batch}) }),
		on("", func(x db.DBTX) { q.CountOldHistory(bg, x, mostly) }).
			scanning(700_000, counts, "job_history", "file_history"),
	}
}
