// Package clamav asks a ClamAV daemon what it thinks of a file.
//
// Scans go through go-clamd, which needs a hand to hold. What it does on its own, and what is done about it here:
//
//   - it has no context and waits for ever for a silent daemon: each scan has a deadline, and its abort channel, which
//     closes the connection, is closed at the end of every scan; that also ends the goroutines it would leak;
//   - it takes an error of the source for the end of the file and returns a verdict on half of it: the source is
//     watched, and a verdict counts only if exactly the file's size went through;
//   - a daemon that hangs up gives an empty result and no error: no result is an error;
//   - its Ping panics when the daemon hangs up: it is not used;
//   - it loses the answer of a daemon that hangs up before it has taken everything, which clamd does with a file over
//     its StreamMaxLength. That can't be wrapped away, so after a hang-up [Scanner] speaks INSTREAM itself, announces a
//     chunk of the file's size without sending it, and hears whether it would be too large.
//
// The daemon has to be told to say what it did not look at, or it calls that OK, too: AlertExceedsMax and AlertEncrypted
// yes, StreamMaxLength no lower than the largest upload, and MaxFileSize no lower than MaxScanSize, since of a file in a
// zip that is over MaxFileSize alone it scans the beginning and says nothing about the rest.
package clamav

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

const (
	// clamd's own MaxScanTime is 2 minutes by default; the rest is for the transfer.
	defaultTimeout = 4 * time.Minute
	// clamd scans with some 10 threads and lets 30 connections wait; other workers want some of both.
	defaultParallel = 4
)

// Config says where clamd listens and how much is asked of it. Zero values work but for the address.
type Config struct {
	// Address is tcp://host:port, host:port, or unix:///path or the path of clamd's socket.
	Address string `env:"CLAMD_ADDRESS"`
	// Timeout bounds one scan, transfer included; 0 takes 4 minutes.
	Timeout time.Duration `env:"CLAMD_TIMEOUT"`
	// Parallel bounds the scans that this process has under way; 0 takes 4.
	Parallel int64 `env:"CLAMD_PARALLEL"`
}

// The verdicts of a scan that took place.
const (
	Clean          = "clean"
	Infected       = "infected"
	LimitsExceeded = "limits_exceeded" // too large or too deep to be looked into; nobody knows what is inside
	Encrypted      = "encrypted"       // needs a password to be looked into
)

// Verdict is what the daemon says about a file.
type Verdict struct {
	Name      string // [Clean], [Infected], [LimitsExceeded] or [Encrypted]
	Signature string // what was found, in ClamAV's words; empty for a clean file
}

// Scanner asks one daemon. It is safe for concurrent use and needs no closing.
type Scanner struct {
	network, address string
	timeout          time.Duration
	slots            *semaphore.Weighted
}

// New makes a scanner; the daemon may be down. An address of another form than [Config] names is invalid.
func New(cfg Config) (*Scanner, error) {
	s := &Scanner{timeout: cfg.Timeout}
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	if cfg.Parallel <= 0 {
		cfg.Parallel = defaultParallel
	}
	s.slots = semaphore.NewWeighted(cfg.Parallel)
	scheme, rest, found := strings.Cut(cfg.Address, "://")
	switch {
	case cfg.Address == "":
		return nil, fault.New(fault.Invalid, "CLAMD_ADDRESS is not set")
	case strings.HasPrefix(cfg.Address, "/"):
		s.network, s.address = "unix", cfg.Address
	case found && scheme == "unix" && strings.HasPrefix(rest, "/"):
		s.network, s.address = "unix", rest
	case found && scheme == "tcp" && rest != "":
		s.network, s.address = "tcp", rest
	case !found:
		s.network, s.address = "tcp", cfg.Address
	default:
		return nil, fault.New(fault.Invalid, "CLAMD_ADDRESS %q is neither tcp://host:port nor unix:///path", cfg.Address)
	}
	return s, nil
}

// libraryAddress is the address as go-clamd takes it.
func (s *Scanner) libraryAddress() string {
	if s.network == "unix" {
		return (&url.URL{Scheme: s.network, Path: s.address}).String()
	}
	return s.network + "://" + s.address
}

// Scan has size bytes of body scanned, waiting for a free slot first. Errors: unavailable where the daemon is down,
// hangs up or can't scan, timeout where it took too long, else what body or ctx ended with.
func (s *Scanner) Scan(ctx context.Context, body io.Reader, size int64) (_ Verdict, err error) {
	ctx, span := tracing.Call(ctx, "clamd scan")
	defer func() { tracing.End(span, err) }()
	if err := s.slots.Acquire(ctx, 1); err != nil {
		return Verdict{}, fmt.Errorf("wait for a scan slot: %w", context.Cause(ctx))
	}
	defer s.slots.Release(1)
	scan, end := context.WithTimeout(ctx, s.timeout)
	defer end()
	source := &watched{ctx: scan, r: body, limit: size}
	lines, err := s.stream(scan, source)
	switch {
	case ctx.Err() != nil:
		return Verdict{}, fmt.Errorf("scan: %w", context.Cause(ctx))
	case scan.Err() != nil:
		return Verdict{}, fault.New(fault.Timeout, "The virus scanner took longer than %s.", s.timeout)
	case source.err != nil:
		return Verdict{}, fmt.Errorf("scan: read the file: %w", source.err)
	case errors.Is(err, errHungUp):
		if s.overLimit(scan, size) {
			return Verdict{Name: LimitsExceeded, Signature: sizeLimit}, nil
		}
		return Verdict{}, fault.Wrap(err, fault.Unavailable, "The virus scanner hung up.")
	case err != nil:
		return Verdict{}, fault.Wrap(err, fault.Unavailable, "The virus scanner can't be reached.")
	}
	verdict, err := read(lines)
	if err != nil {
		return Verdict{}, err
	}
	// A short source was cut off at an error that is not one, so what was scanned is not the file.
	if source.n != size && verdict.Name != LimitsExceeded {
		return Verdict{}, fault.New(fault.Unavailable, "The virus scanner got %d of %d bytes.", source.n, size)
	}
	return verdict, nil
}
