package scaling

import (
	"maps"
	"slices"
	"strings"
	"time"

	"rohrpost/internal/fault"
	"rohrpost/tasks"
)

// Config says how long jobs may wait and what workers there can be. Zero values work. All processes should have the same.
type Config struct {
	// SLO is how long the jobs of a queue may wait for a worker, such as "ai=30s,mail=5m". Queues that are not named keep
	// what is usual for them.
	SLO map[string]time.Duration `env:"SCALING_WAIT_SLO" envKeyValSeparator:"="`
	// Groups are the kinds of workers there can be, by the queues they serve, such as
	// "worker-ai=ai,worker-rest=critical+files+mail+reports+maintenance". Empty takes those of the Procfile.
	Groups map[string]string `env:"SCALING_GROUPS" envKeyValSeparator:"="`
	// Bounds are the least and the most workers of a group, such as "worker-ai=0:4". Groups that are not named have 1:10.
	Bounds map[string]string `env:"SCALING_BOUNDS" envKeyValSeparator:"="`
	// Every is how often it is looked at. 0 takes 15 s.
	Every time.Duration `env:"SCALING_EVERY"`
	// Window is how long a number of workers is kept after it was wanted last. 0 takes 5 min.
	Window time.Duration `env:"SCALING_WINDOW"`
	// Utilisation is how busy workers should be with what comes in. 0 takes 0.8.
	Utilisation float64 `env:"SCALING_UTILISATION"`
}

const (
	usualEvery       = 15 * time.Second // as Kubernetes' autoscaler
	usualWindow      = 5 * time.Minute  // likewise
	usualUtilisation = 0.8
	otherSLO         = time.Minute // of queues that are not in tasks
)

var usualBounds = Bounds{Least: 1, Most: 10}

func usualSLO() map[string]time.Duration {
	return map[string]time.Duration{
		tasks.Critical: time.Second, tasks.Files: 10 * time.Second, tasks.AI: 15 * time.Second, tasks.Mail: time.Minute,
		tasks.Reports: 5 * time.Minute, tasks.Maintenance: 15 * time.Minute,
	}
}

// The worker groups of the Procfile.
func usualGroups() map[string][]string {
	return map[string][]string{
		"worker": tasks.QueueNames(), "worker-files": {tasks.Critical, tasks.Files}, "worker-ai": {tasks.AI},
		"worker-mail": {tasks.Mail}, "worker-maintenance": {tasks.Maintenance, tasks.Reports},
	}
}

// plan is a Config that was read.
type plan struct {
	slo         map[string]time.Duration
	groups      groups
	bounds      map[string]Bounds
	every       time.Duration
	window      time.Duration
	utilisation float64
}

func (c Config) plan() (plan, error) {
	p := plan{
		slo: usualSLO(), groups: usualGroups(), bounds: map[string]Bounds{}, every: usualEvery, window: usualWindow,
		utilisation: usualUtilisation,
	}
	for queue, slo := range c.SLO {
		if _, known := p.slo[queue]; !known || slo <= 0 {
			return p, fault.New(fault.Invalid, "SCALING_WAIT_SLO: %s=%s is no time above zero of a queue; there are %s", queue,
				slo, strings.Join(slices.Sorted(maps.Keys(p.slo)), ", "))
		}
		p.slo[queue] = slo
	}
	if len(c.Groups) > 0 {
		p.groups = groups{}
	}
	for name, list := range c.Groups {
		queues := strings.Split(list, "+")
		for _, queue := range queues {
			if _, known := p.slo[queue]; !known {
				return p, fault.New(fault.Invalid, "SCALING_GROUPS: %q is no queue; there are %s", queue,
					strings.Join(slices.Sorted(maps.Keys(p.slo)), ", "))
			}
		}
		p.groups[name] = queues
	}
	for name, text := range c.Bounds {
		bounds, err := ParseBounds(text)
		if err != nil {
			return p, fault.Wrap(err, fault.Invalid, "SCALING_BOUNDS: %s: %s", name, fault.Message(err))
		}
		p.bounds[name] = bounds
	}
	if c.Every > 0 {
		p.every = c.Every
	}
	if c.Window > 0 {
		p.window = c.Window
	}
	switch {
	case c.Utilisation > 1:
		return p, fault.New(fault.Invalid, "SCALING_UTILISATION is %g, it may be up to 1", c.Utilisation)
	case c.Utilisation > 0:
		p.utilisation = c.Utilisation
	}
	return p, nil
}

func (p plan) sloOf(queue string) time.Duration {
	if slo, ok := p.slo[queue]; ok {
		return slo
	}
	return otherSLO
}

func (p plan) boundsOf(group string) Bounds {
	if bounds, ok := p.bounds[group]; ok {
		return bounds
	}
	return usualBounds
}
