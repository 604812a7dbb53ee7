package plans

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

// arrivals is how many jobs the signal for scaling looks at.
const arrivals = 10_000

func scalings(d *dataset) []check {
	const most = "it looks at the newest jobs, as many as it is told"
	now := time.Now()
	return []check{
		on("a busy time", func(x db.DBTX) {
			q.RecentArrivals(bg, x, db.RecentArrivalsParams{Since: d.job(jobRows / 2), Most: arrivals})
		}).reading(arrivals, most),
		on("nothing came", func(x db.DBTX) {
			q.RecentArrivals(bg, x, db.RecentArrivalsParams{Since: uuid.Max, Most: arrivals})
		}),
		on("", func(x db.DBTX) {
			q.InsertScalingAdvice(bg, x, db.InsertScalingAdviceParams{Tick: now, GroupName: "worker", Queues: []string{"ai"}})
		}),
		on("", func(x db.DBTX) { q.ScalingTickSeen(bg, x, now) }),
		on("", func(x db.DBTX) { q.ScalingAdviceSince(bg, x, now) }),
		on("", func(x db.DBTX) { q.DeleteScalingAdviceBefore(bg, x, now) }),
	}
}
