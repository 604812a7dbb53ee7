package devstack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// mailpitVersion is the release that `make servers` builds.
	mailpitVersion = "1.27.11"
	mailpitWithin  = 30 * time.Second
	mailpitGrace   = 5 * time.Second
)

// MailpitOptions says how to run Mailpit.
type MailpitOptions struct {
	// Flags are further flags, e.g. "--smtp-require-tls".
	Flags []string
}

// Mailpit is a private mail server that keeps what it gets and tells it by an API, for tests: nothing leaves it. Its data
// outlives a restart.
type Mailpit struct {
	*Process
	api atomic.Int64 // port of the API, another one after each start
}

// MailpitBinary is where the server for the tests is kept: in the user's cache, named by version. `make` builds it.
func MailpitBinary() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("mailpit: %w", err)
	}
	return filepath.Join(cache, "rohrpost", "mailpit-"+mailpitVersion, "mailpit"), nil
}

// StartMailpit starts the server that `make servers` has built. Without it the error is a *NotInstalledError.
func (s *Stack) StartMailpit(ctx context.Context, opts MailpitOptions) (*Mailpit, error) {
	path, err := MailpitBinary()
	if err != nil {
		return nil, err
	}
	if !executable(path) {
		return nil, &NotInstalledError{
			Program: "Mailpit " + mailpitVersion + " for tests", Install: "it with make servers", Env: "SMTP_URL",
		}
	}
	name := s.name("mailpit")
	home, err := s.home(name, nil)
	if err != nil {
		return nil, fmt.Errorf("mailpit: %w", err)
	}
	m := &Mailpit{}
	m.Process = &Process{
		stack: s, name: name, folder: home, within: mailpitWithin, grace: mailpitGrace,
		stops:     []syscall.Signal{syscall.SIGTERM},
		announced: "[smtpd] starting on 127.0.0.1:%PORT%",
		probe: func(ctx context.Context, address string) error {
			// It may want TLS from the first byte, so a connection is all that can be asked for.
			_, end, err := dial(ctx, address)
			if err != nil {
				return err
			}
			end()
			return m.call(ctx, http.MethodGet, "/readyz", nil, nil)
		},
		command: func(port int) (*exec.Cmd, error) {
			api, err := freePort()
			if err != nil {
				return nil, err
			}
			m.api.Store(int64(api))
			flags := []string{
				"--smtp", address(port), "--listen", address(api), "--database", filepath.Join(home, "mailpit.db"),
				"--enable-chaos", "--disable-version-check", "--smtp-disable-rdns",
			}
			return exec.Command(path, append(flags, opts.Flags...)...), nil //nolint:gosec // our own build
		},
	}
	if err := s.add(m); err != nil {
		return nil, err
	}
	if err := m.Start(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// URL is the address for mails, as SMTP_URL takes it.
func (m *Mailpit) URL() string { return "smtp://" + m.Address() }
