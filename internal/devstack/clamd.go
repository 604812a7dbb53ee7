package devstack

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	clamdWithin      = 3 * time.Minute // the full signatures take a slow machine well over a minute; the small ones 30 ms
	clamdGrace       = 5 * time.Second // scans under way are thrown away, they are asked for again
	clamdMaxBytes    = 100 << 20
	clamdHardMax     = 1<<31 - 1 // beyond, ClamAV doesn't scan at all
	clamdReload      = 30 * time.Second
	systemSignatures = "/var/lib/clamav"
)

// ClamdOptions says how clamd scans.
type ClamdOptions struct {
	// MaxBytes is the largest file that is scanned; above, the verdict is an error, never OK. 0 takes 100 MiB.
	MaxBytes int64
	// OwnSignatures leaves the system's signatures aside, for tests: a small set finds EICAR and [TestVirus], and
	// starts in 30 ms instead of a minute. Where the system has none it is used in any case; see [Clamd.Signatures].
	OwnSignatures bool
}

// Clamd is a private ClamAV daemon on TCP. clamd knows no password, so other users of the machine may scan with it.
type Clamd struct {
	*Process
	own *database // nil where it runs on the system's signatures
}

// StartClamd starts a clamd. Without an installed one the error is a *NotInstalledError.
func (s *Stack) StartClamd(ctx context.Context, opts ClamdOptions) (*Clamd, error) {
	path, ok := program("clamd")
	if !ok {
		return nil, &NotInstalledError{
			Program: "clamd", Install: "the Debian package clamav-daemon", Env: "CLAMD_ADDRESS",
		}
	}
	if opts.MaxBytes == 0 {
		opts.MaxBytes = clamdMaxBytes
	}
	if opts.MaxBytes > clamdHardMax {
		return nil, fmt.Errorf("clamd: a limit of %d bytes is over ClamAV's own, %d", opts.MaxBytes, clamdHardMax)
	}
	as, err := accountOf("clamav")
	if err != nil {
		return nil, fmt.Errorf("clamd: %w", err)
	}
	name := s.name("clamd")
	home, err := s.home(name, as)
	if err != nil {
		return nil, fmt.Errorf("clamd: %w", err)
	}
	c := &Clamd{}
	folder := systemSignatures
	if opts.OwnSignatures || !hasSystemSignatures() {
		if c.own, err = writeSignatures(home, as); err != nil {
			return nil, fmt.Errorf("clamd: signatures: %w", err)
		}
		folder = c.own.folder
	}
	scratch := filepath.Join(home, "scratch")
	if err := as.makeDir(scratch); err != nil {
		return nil, fmt.Errorf("clamd: %w", err)
	}
	c.Process = &Process{
		stack: s, name: name, folder: home, as: as, within: clamdWithin, grace: clamdGrace,
		stops: []syscall.Signal{syscall.SIGTERM},
		// The last line of a start that has its port and its signatures.
		announced: "Self checking",
		probe:     func(ctx context.Context, address string) error { return clamdAsk(ctx, address, "PING", "PONG") },
		command: func(port int) (*exec.Cmd, error) {
			conf := filepath.Join(home, "clamd.conf")
			text := clamdConf(port, folder, scratch, c.own != nil, opts.MaxBytes)
			if err := as.writeFile(conf, []byte(text)); err != nil {
				return nil, err
			}
			return exec.Command(path, "--config-file="+conf), nil //nolint:gosec // an installed program
		},
	}
	if err := s.add(c); err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Address is tcp://host:port, as CLAMD_ADDRESS takes it.
func (c *Clamd) Address() string { return "tcp://" + c.Process.Address() }

// Signatures tells what the daemon knows: the folder of the system's signatures, or that it has only the few own ones,
// which find the test files and no virus: whoever starts it for a user should say so.
func (c *Clamd) Signatures() (source string, complete bool) {
	if c.own != nil {
		return "own test signatures only (EICAR)", false
	}
	return systemSignatures, true
}

// clamdAsk sends one command and compares the answer.
func clamdAsk(ctx context.Context, address, command, want string) error {
	answer, err := clamdAnswer(ctx, address, command)
	if err == nil && answer != want {
		err = fmt.Errorf("answered %q", answer)
	}
	return err
}

// clamdAnswer sends one command and returns the answer.
func clamdAnswer(ctx context.Context, address, command string) (string, error) {
	conn, end, err := dial(ctx, address)
	if err != nil {
		return "", err
	}
	defer end()
	if _, err := fmt.Fprintf(conn, "z%s\x00", command); err != nil {
		return "", err
	}
	answer, err := bufio.NewReader(conn).ReadString(0)
	return strings.TrimSuffix(answer, "\x00"), err
}

func hasSystemSignatures() bool {
	for _, pattern := range []string{"*.cvd", "*.cld"} {
		if found, _ := filepath.Glob(filepath.Join(systemSignatures, pattern)); len(found) > 0 {
			_, err := os.Stat(found[0])
			return err == nil
		}
	}
	return false
}
