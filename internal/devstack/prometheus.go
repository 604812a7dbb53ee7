package devstack

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	prometheusWithin = 30 * time.Second // reading what the last run has written takes most of it
	prometheusGrace  = 20 * time.Second
	scrapeEvery      = 5 * time.Second // as who starts it looks at it now
	keptFor          = "7d"
)

// PrometheusOptions says what a Prometheus watches.
type PrometheusOptions struct {
	// Targets are the addresses of metrics, by the name of their job.
	Targets map[string][]string
	// Rules are files with rules, by their name.
	Rules map[string][]byte
	// Every is the time between two scrapes, and between two looks at the rules; 0 takes 5 s.
	Every time.Duration
}

// Prometheus is a private Prometheus. What it has seen outlives a restart.
type Prometheus struct{ *Process }

// StartPrometheus starts a Prometheus. Where none is installed the error is a *NotInstalledError.
func (s *Stack) StartPrometheus(ctx context.Context, opts PrometheusOptions) (*Prometheus, error) {
	path, ok := program("prometheus")
	if !ok {
		return nil, &NotInstalledError{
			Program: "prometheus", Install: "the Debian package prometheus", Env: "METRICS_ADDR",
		}
	}
	name := s.name("prometheus")
	home, err := s.home(name, nil)
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	settings := filepath.Join(home, "prometheus.yml")
	if err := opts.write(home, settings); err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	p := &Prometheus{&Process{
		stack: s, name: name, folder: home, within: prometheusWithin, grace: prometheusGrace,
		stops:     []syscall.Signal{syscall.SIGTERM},
		announced: "Server is ready to receive web requests.",
		probe:     readyPrometheus,
		command: func(port int) (*exec.Cmd, error) {
			flags := []string{
				"--config.file=" + settings, "--storage.tsdb.path=" + filepath.Join(home, "data"),
				"--storage.tsdb.retention.time=" + keptFor, "--web.listen-address=" + address(port),
				"--enable-feature=exemplar-storage",
			}
			return exec.Command(path, flags...), nil //nolint:gosec // found in PATH
		},
	}}
	if err := s.add(p); err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}

// readyPrometheus asks it whether it is ready.
func readyPrometheus(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/-/ready", nil)
	if err != nil {
		return err
	}
	req.Close = true // nobody asks a second time
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // the status is all that matters
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it says %s", res.Status)
	}
	return nil
}

// URL is where its pages are.
func (p *Prometheus) URL() string { return "http://" + p.Address() }

// write puts the settings and the rules into its folder.
func (o PrometheusOptions) write(home, settings string) error {
	every := o.Every
	if every <= 0 {
		every = scrapeEvery
	}
	var b strings.Builder
	fmt.Fprintf(&b, "global:\n  scrape_interval: %[1]dms\n  scrape_timeout: %[1]dms\n  evaluation_interval: %[1]dms\n",
		every.Milliseconds())
	b.WriteString("rule_files:\n")
	for _, name := range slices.Sorted(maps.Keys(o.Rules)) {
		if err := os.WriteFile(filepath.Join(home, name), o.Rules[name], 0o600); err != nil {
			return err
		}
		fmt.Fprintf(&b, "  - %q\n", name)
	}
	b.WriteString("scrape_configs:\n")
	for _, job := range slices.Sorted(maps.Keys(o.Targets)) {
		fmt.Fprintf(&b, "  - job_name: %q\n    static_configs:\n      - targets: [%s]\n", job, quoted(o.Targets[job]))
	}
	return os.WriteFile(settings, []byte(b.String()), 0o600)
}

func quoted(texts []string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = fmt.Sprintf("%q", text)
	}
	return strings.Join(all, ", ")
}
