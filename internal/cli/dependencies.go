package cli

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// dependencyWithin bounds a look at a server; a scrape asks all of them at once.
const dependencyWithin = 2 * time.Second

// dependencies shows which of the servers that a process uses answer it, asked at each scrape.
type dependencies struct {
	up, took *prometheus.Desc

	mu  sync.Mutex
	ask map[string]func(context.Context) error // guarded by mu; by name
}

func newDependencies(reg prometheus.Registerer) *dependencies {
	d := &dependencies{
		up: prometheus.NewDesc("rohrpost_dependency_up",
			"1 if a server that this process uses has answered it within 2 s at this scrape, 0 if not.",
			[]string{"dependency"}, nil),
		took: prometheus.NewDesc("rohrpost_dependency_response_seconds",
			"How long that took.", []string{"dependency"}, nil),
		ask: map[string]func(context.Context) error{},
	}
	reg.MustRegister(d)
	return d
}

// add has a server asked from now on. ask ends soon after its context does.
func (d *dependencies) add(name string, ask func(ctx context.Context) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ask[name] = ask
}

// Describe implements prometheus.Collector.
func (d *dependencies) Describe(ch chan<- *prometheus.Desc) {
	ch <- d.up
	ch <- d.took
}

// Collect implements prometheus.Collector.
func (d *dependencies) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), dependencyWithin)
	defer cancel()
	d.mu.Lock()
	all := maps.Clone(d.ask)
	d.mu.Unlock()
	var asked sync.WaitGroup
	for name, ask := range all {
		asked.Go(func() {
			began, up := time.Now(), 0.0
			if answers(ctx, ask) {
				up = 1
			}
			ch <- prometheus.MustNewConstMetric(d.up, prometheus.GaugeValue, up, name)
			ch <- prometheus.MustNewConstMetric(d.took, prometheus.GaugeValue, time.Since(began).Seconds(), name)
		})
	}
	asked.Wait()
}

// answers asks a server and waits no longer than ctx: the client of Redis goes on a while when its server stands still.
func answers(ctx context.Context, ask func(context.Context) error) bool {
	said := make(chan error, 1)
	go func() { said <- ask(ctx) }()
	select {
	case err := <-said:
		return err == nil
	case <-ctx.Done():
		return false
	}
}
