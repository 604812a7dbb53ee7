package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// closeWithin bounds the orderly end of all parts together. A worker's grace time has to fit in; whoever runs the
// process (systemd, Kubernetes) usually kills it after 30 s.
const closeWithin = 25 * time.Second

// process is a running subcommand: what it has started, to be closed in reverse.
type process struct {
	shell
	registry  registry
	metricsAt string // the address of the metrics, once they are shown
	parts     []part
	failed    chan error // the first end of a server that nobody asked for
	servers   sync.WaitGroup
}

type part struct {
	name  string
	close func(ctx context.Context) error
}

func (s shell) newProcess() *process {
	return &process{shell: s, registry: newRegistry(), failed: make(chan error, 1)}
}

// onClose adds a part that close will end, before those that were added earlier.
func (p *process) onClose(name string, fn func(ctx context.Context) error) {
	p.parts = append(p.parts, part{name, fn})
}

// serve runs a server in the background. If it ends with an error, wait returns it.
func (p *process) serve(name string, fn func() error) {
	p.servers.Go(func() {
		if err := fn(); err != nil {
			select {
			case p.failed <- fmt.Errorf("%s: %w", name, err):
			default:
			}
		}
	})
}

// wait returns when ctx ends, or with the error of a server that ended before.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.failed:
		return err
	}
}

// close ends all parts and adds what went wrong to err. A part that overruns the time doesn't keep the others from
// being told.
func (p *process) close(err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	errs := []error{err}
	for len(p.parts) > 0 {
		last := p.parts[len(p.parts)-1]
		p.parts = p.parts[:len(p.parts)-1]
		if err := last.close(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", last.name, err))
		}
	}
	p.servers.Wait()
	return errors.Join(errs...)
}
