package scaling

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// assumedRun is the time of a job where none has ended lately.
const assumedRun = time.Second

// Queue is what a queue has to do, and how long its jobs may wait.
type Queue struct {
	Name    string
	Paused  bool
	Waiting int64         // due, and kept by nothing but the want of a worker
	Oldest  time.Duration // how long the longest waiting of these has been due
	Running int64
	// Arrivals is how many jobs a second come in.
	Arrivals float64
	// Run is the mean time of a job, 0 where nobody knows.
	Run time.Duration
	SLO time.Duration
}

// Group is workers that serve the same queues.
type Group struct {
	Name   string
	Queues []Queue // whose work is counted here
	Living int     // workers
	Slots  int     // of each of them
	Busy   int     // slots of all of them that run a job
	Bounds
}

// Recommendation is how many workers a group should have, and why.
type Recommendation struct {
	Workers int
	Reason  string
}

// share is the slots that a queue needs.
type share struct {
	queue Queue
	// steady is by Little's law: what comes in times how long it runs, spread over slots that are not always busy; at least
	// what it takes to end what runs now.
	steady float64
	// backlog is what more it takes to start all that waits within the SLO.
	backlog float64
}

func (s share) slots() float64 { return s.steady + s.backlog }

func shareOf(q Queue, utilisation float64) share {
	// A slot can be used again within the SLO where jobs are shorter than that.
	each := min(1, q.run().Seconds()/q.SLO.Seconds())
	s := share{queue: q, steady: float64(q.Running) * each}
	if !q.Paused {
		s.steady = max(s.steady, q.Arrivals*q.run().Seconds()/utilisation)
		s.backlog = float64(q.Waiting) * each
	}
	return s
}

func (q Queue) run() time.Duration {
	if q.Run > 0 {
		return q.Run
	}
	return assumedRun
}

// late tells that the queue is over its SLO.
func (q Queue) late() bool { return !q.Paused && q.Waiting > 0 && q.Oldest > q.SLO }

// Recommend says how many workers a group should have now: enough for what comes in, for what waits, and for what runs, so
// that nothing is taken from under it. Utilisation is how busy slots should be with what comes in. Where a queue is over its
// SLO and each slot is busy, it is more than there are, whatever was reckoned.
func Recommend(g Group, utilisation float64) Recommendation {
	var slots float64
	var running int64
	var waits bool
	shares := make([]share, 0, len(g.Queues))
	for _, q := range g.Queues {
		s := shareOf(q, utilisation)
		shares = append(shares, s)
		slots += s.slots()
		running += q.Running
		waits = waits || !q.Paused && q.Waiting > 0
	}
	workers := g.workers(max(slots, float64(running)))
	if waits {
		workers = max(workers, 1)
	}
	reason := why(shares, workers, utilisation)
	if workers > max(1, g.workers(slots)) {
		reason = fmt.Sprintf("%s: %s would have room for them", jobs(running, "run"), number(workers))
	}
	if late := g.stuck(); late != nil && workers <= g.Living {
		workers = g.Living + 1
		reason = fmt.Sprintf("%s up to %s in %s, SLO %s, and all %d slots are busy: one more than the %d there",
			jobs(late.Waiting, "wait"), span(late.Oldest), late.Name, span(late.SLO), g.Busy, g.Living)
	}
	bounded := g.clamp(workers, waits)
	switch {
	case bounded < workers:
		reason += fmt.Sprintf("; its bounds allow %d", bounded)
	case bounded > workers:
		reason += fmt.Sprintf("; its bounds keep %d", bounded)
	}
	return Recommendation{bounded, reason + "."}
}

// workers is how many it takes to have so many slots.
func (g Group) workers(slots float64) int { return int(math.Ceil(slots/float64(g.Slots) - 1e-9)) }

// stuck is the queue that is over its SLO while no slot is free, nil if there is none.
func (g Group) stuck() *Queue {
	if g.Living == 0 || g.Busy < g.Living*g.Slots {
		return nil
	}
	for i := range g.Queues {
		if g.Queues[i].late() {
			return &g.Queues[i]
		}
	}
	return nil
}

// why tells a reckoning in words, by the queue that needs most.
func why(shares []share, workers int, utilisation float64) string {
	most := -1
	var others []string
	for i, s := range shares {
		if s.slots() > 0 && (most < 0 || s.slots() > shares[most].slots()) {
			most = i
		}
	}
	if most < 0 {
		return "Nothing waits, runs or comes in"
	}
	for i, s := range shares {
		if i != most && s.slots() > 0 {
			others = append(others, s.queue.Name)
		}
	}
	s, q := shares[most], shares[most].queue
	with := ""
	if len(others) > 0 {
		with = ", beside " + strings.Join(others, " and ")
	}
	assumed := ""
	if q.Run == 0 {
		assumed = fmt.Sprintf(" (none has ended lately: %s each is assumed)", span(assumedRun))
	}
	switch {
	case s.backlog > 0:
		return fmt.Sprintf("%s up to %s in %s, SLO %s%s: %s would clear it in %[4]s%[7]s", jobs(q.Waiting, "wait"),
			span(q.Oldest), q.Name, span(q.SLO), assumed, number(workers), with)
	case s.steady > float64(q.Running):
		return fmt.Sprintf("%.2g jobs/s of %s each come in for %s%s: %s would be busy with it to %.0f %%%s", q.Arrivals,
			span(q.run()), q.Name, assumed, number(workers), 100*utilisation, with)
	}
	return fmt.Sprintf("%s in %s: %s would have room for it%s", jobs(q.Running, "run"), q.Name, number(workers), with)
}

func jobs(n int64, verb string) string {
	if n == 1 {
		return "1 job " + verb + "s"
	}
	return fmt.Sprintf("%d jobs %s", n, verb)
}

func number(workers int) string {
	if workers == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", workers)
}

// span is a time as people say it.
func span(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
