package scaling

import (
	"maps"
	"slices"
	"strings"

	"rohrpost/internal/queue"
)

// groups are kinds of workers by name, with the queues they serve.
type groups map[string][]string

// of names the group of a worker that serves queues: the one that serves the same, or one of its own.
func (g groups) of(queues []string) string {
	for _, name := range slices.Sorted(maps.Keys(g)) {
		if same(g[name], queues) {
			return name
		}
	}
	return strings.Join(slices.Sorted(slices.Values(queues)), "+")
}

func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// closest is the group that a queue's work is counted at: of those that serve it the one that serves the fewest.
func (g groups) closest(queue string) (name string, ok bool) {
	for _, candidate := range slices.Sorted(maps.Keys(g)) {
		if slices.Contains(g[candidate], queue) && (!ok || len(g[candidate]) < len(g[name])) {
			name, ok = candidate, true
		}
	}
	return name, ok
}

// crew is the living workers of a group.
type crew struct{ living, slots, busy int }

// crews sorts living workers into groups.
func (g groups) crews(workers []queue.Worker) (map[string]crew, groups) {
	found, serving := map[string]crew{}, groups{}
	for _, w := range workers {
		queues := slices.Sorted(maps.Keys(w.Weights))
		name := g.of(queues)
		c := found[name]
		c.living, c.slots, c.busy = c.living+1, c.slots+int(w.Concurrency), c.busy+len(w.Running)
		found[name], serving[name] = c, queues
	}
	return found, serving
}

// arrange makes the groups to decide about, in the order of their names. A queue counts at a group that has living workers,
// and only where none of these serves it, at one that could.
func (p plan) arrange(workers []queue.Worker, loads []queue.Load) []Group {
	crews, serving := p.groups.crews(workers)
	counted := map[string][]Queue{}
	for name := range serving {
		counted[name] = nil
	}
	for _, l := range loads {
		name, ok := serving.closest(l.Queue)
		if !ok {
			name, ok = p.groups.closest(l.Queue)
		}
		if !ok {
			continue // nobody serves it and nobody is meant to
		}
		counted[name] = append(counted[name], Queue{
			Name: l.Queue, Paused: l.Paused, Waiting: l.Waiting, Oldest: l.Oldest, Running: l.Running, Arrivals: l.Arrivals,
			Run: l.Run, SLO: p.sloOf(l.Queue),
		})
	}
	arranged := make([]Group, 0, len(counted))
	for _, name := range slices.Sorted(maps.Keys(counted)) {
		c := crews[name]
		g := Group{
			Name: name, Queues: counted[name], Living: c.living, Slots: queue.UsualConcurrency, Busy: c.busy,
			Bounds: p.boundsOf(name),
		}
		if c.living > 0 {
			g.Slots = max(1, c.slots/c.living)
		}
		arranged = append(arranged, g)
	}
	return arranged
}
