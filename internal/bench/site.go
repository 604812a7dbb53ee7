package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"rohrpost/internal/blob"
	"rohrpost/internal/devstack"
)

// probeTimeout bounds one look whether a process is ready.
const probeTimeout = 2 * time.Second

// site is Rohrpost as it is deployed: private servers, and its processes each by itself.
type site struct {
	stack *devstack.Stack
	*servers
	opts   Options
	env    []string // settings of the processes
	api    *devstack.Process
	client *http.Client
}

// openSite starts the servers and an api process. prepare, which may be nil, starts further servers and returns settings
// of all processes, as NAME=value.
func openSite(ctx context.Context, opts Options,
	prepare func(ctx context.Context, stack *devstack.Stack) (settings []string, err error)) (_ *site, err error) {
	stack, err := devstack.Open("", opts.Log)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, stack.Close())
		}
	}()
	s := &site{stack: stack, opts: opts, client: &http.Client{
		Timeout:   time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DialContext: (&net.Dialer{Timeout: probeTimeout}).DialContext},
	}}
	var more []string
	if prepare != nil {
		if more, err = prepare(ctx, stack); err != nil {
			return nil, err
		}
	}
	if s.servers, err = openServers(ctx, stack, opts); err != nil {
		return nil, err
	}
	content, err := blob.FileURL(filepath.Join(stack.Dir(), "blobs"))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + stack.Dir(), "LOG_LEVEL=warn", "AUTH_SECRET=" + rand.Text() + rand.Text(),
		"DATABASE_URL=" + s.postgres.URL(), "REDIS_URL=" + s.redis.URL(), "BLOB_URL=" + content,
		"API_LOGIN_BURST=1000000", // everybody comes from the same address
	}, more...)
	s.api, err = stack.StartProgram(ctx, "api", func(address string) *exec.Cmd {
		return s.program("API_ADDR="+address, "api")
	}, s.answers("/readyz"))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// worker starts a worker process of one queue: it needs no servers but those of that.
func (s *site) worker(ctx context.Context, queue string) (*devstack.Process, error) {
	return s.stack.StartProgram(ctx, "worker", func(address string) *exec.Cmd {
		return s.program("METRICS_ADDR="+address, "worker", "--queues", queue+"=1")
	}, s.answers("/metrics"))
}

// program is this program, or what stands for it, as a process with one more setting.
func (s *site) program(setting string, args ...string) *exec.Cmd {
	start := s.opts.Program
	if start == nil {
		start = ourselves
	}
	cmd := start(args...)
	cmd.Env = append(append(cmd.Env, s.env...), setting)
	return cmd
}

func ourselves(args ...string) *exec.Cmd {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return exec.Command(path, args...) //nolint:gosec // this program
}

func (s *site) answers(path string) func(ctx context.Context, address string) error {
	return func(ctx context.Context, address string) error {
		ctx, cancel := context.WithTimeout(ctx, probeTimeout)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
		if err != nil {
			return err
		}
		res, err := s.client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close() //nolint:errcheck // only read
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("GET %s: %s", path, res.Status)
		}
		return nil
	}
}

func (s *site) close() error {
	s.client.CloseIdleConnections()
	if s.servers != nil {
		s.servers.close()
	}
	return s.stack.Close()
}
