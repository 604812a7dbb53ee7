package queue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rohrpost/db"
)

const (
	paceJobs  = 200              // that ended last are looked at
	paceAge   = 15 * time.Minute // and none that ended longer ago
	paceLeast = 5                // a rate needs so many ends
	// ratePeriod is what a rate looks back on at most: what the queue does now is what counts.
	ratePeriod = 5 * time.Minute
)

// pace is how fast a queue was lately: its jobs that ended, the newest first.
type pace []db.RecentlyEndedJobsRow

func (e *Engine) paceOf(ctx context.Context, queue string) (pace, error) {
	rows, err := db.New().RecentlyEndedJobs(ctx, e.pool, db.RecentlyEndedJobsParams{
		Queue: queue, AgeSeconds: paceAge.Seconds(), Most: paceJobs,
	})
	if err != nil {
		return nil, fmt.Errorf("pace of %s: %w", queue, err)
	}
	return rows, nil
}

// median is the run time of the last jobs of a kind that succeeded.
func (p pace) median(kind string) (time.Duration, bool) {
	var took []time.Duration
	for _, r := range p {
		if r.Kind == kind && r.State == Succeeded {
			took = append(took, r.FinishedAt.Sub(r.StartedAt))
		}
	}
	if len(took) == 0 {
		return 0, false
	}
	slices.Sort(took)
	return took[len(took)/2], true
}

// mean is the time that the last attempts took, however they ended; 0 if none did.
func (p pace) mean() time.Duration {
	if len(p) == 0 {
		return 0
	}
	var sum time.Duration
	for _, r := range p {
		sum += r.FinishedAt.Sub(r.StartedAt)
	}
	return sum / time.Duration(len(p))
}

// ended counts the ends after from and tells over which time that was.
func (p pace) ended(from time.Time) (n int, over time.Duration) {
	for n < len(p) && p[n].FinishedAt.After(from) {
		n++
	}
	if n == paceJobs { // there are more that nobody looked at
		from = p[n-1].FinishedAt
	}
	return n, time.Since(from)
}

// rate is how many jobs a second the queue takes while this one waits. Before it waited the queue may have been idle, which
// would tell nothing. Where too few have ended since, it is what those that run now come to at their kind's usual time.
func (p pace) rate(job db.Job, running int64) (perSecond float64, ok bool) {
	from := time.Now().Add(-ratePeriod)
	if job.RunAt.After(from) {
		from = job.RunAt
	}
	if n, over := p.ended(from); n >= paceLeast && over > 0 {
		return float64(n) / over.Seconds(), true
	}
	median, ok := p.median(job.Kind)
	if !ok || median <= 0 || running == 0 {
		return 0, false
	}
	return float64(running) / median.Seconds(), true
}
