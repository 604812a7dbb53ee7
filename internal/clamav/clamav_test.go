package clamav_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/clamav"
	"rohrpost/internal/clamav/clamtest"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	s := scanner(t, clamav.Config{Address: stacktest.Clamd(t).Address()})
	eicar := clamav.Verdict{Name: clamav.Infected, Signature: "Eicar-Test-Signature.UNOFFICIAL"}
	for name, test := range map[string]struct {
		content []byte
		want    clamav.Verdict
	}{
		"harmless":        {[]byte("hello"), clamav.Verdict{Name: clamav.Clean}},
		"just small":      {bytes.Repeat([]byte("a"), stacktest.MaxScanBytes), clamav.Verdict{Name: clamav.Clean}},
		"EICAR":           {devstack.EICAR(), eicar},
		"EICAR in zip²":   {clamtest.Zip(t, "outer", clamtest.Zip(t, "inner", devstack.EICAR())), eicar},
		"behind an image": {append(gif(), devstack.EICAR()...), eicar},
		"far inside a zip": {
			clamtest.Zip(t, "long", append(make([]byte, 2*stacktest.MaxScanBytes), devstack.EICAR()...)), eicar,
		},
		"encrypted zip": {
			clamtest.EncryptedZip(t), clamav.Verdict{Name: clamav.Encrypted, Signature: "Heuristics.Encrypted.Zip"},
		},
		"too large inside": {
			clamtest.Gzip(t, make([]byte, 5*stacktest.MaxScanBytes)),
			clamav.Verdict{Name: clamav.LimitsExceeded, Signature: "Heuristics.Limits.Exceeded"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := scan(t, s, test.content)
			require.NoError(t, err)
			require.Equal(t, test.want.Name, got.Name)
			require.True(t, strings.HasPrefix(got.Signature, test.want.Signature), got.Signature)
		})
	}
}

func gif() []byte { return []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;") }

func TestAFileOverTheDaemonsLimitIsToldFromACut(t *testing.T) {
	t.Parallel()
	s := scanner(t, clamav.Config{Address: stacktest.Clamd(t).Address()})
	// One byte over, the answer comes after all has been sent; far over, while much is still on its way, and go-clamd
	// loses it. Each size several times, since it is a race.
	const limit = stacktest.MaxScanBytes
	for _, size := range []int{limit + 1, limit + 100<<10, 2 * limit} {
		for range 3 {
			got, err := scan(t, s, bytes.Repeat([]byte("a"), size))
			require.NoError(t, err)
			require.Equal(t, clamav.LimitsExceeded, got.Name)
		}
	}
}

func TestDownThenBack(t *testing.T) {
	t.Parallel()
	c, err := stacktest.Own(t).StartClamd(t.Context(), devstack.ClamdOptions{OwnSignatures: true})
	require.NoError(t, err)
	s := scanner(t, clamav.Config{Address: c.Address()})
	require.NoError(t, c.Stop(t.Context()))
	_, err = scan(t, s, devstack.EICAR())
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.NoError(t, c.Start(t.Context()))
	got, err := scan(t, s, devstack.EICAR())
	require.NoError(t, err)
	require.Equal(t, clamav.Infected, got.Name)
}

func TestAFrozenDaemonIsATimeout(t *testing.T) {
	t.Parallel()
	c, err := stacktest.Own(t).StartClamd(t.Context(), devstack.ClamdOptions{OwnSignatures: true})
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(c.Pid(), syscall.SIGSTOP))
	s := scanner(t, clamav.Config{Address: c.Address(), Timeout: 300 * time.Millisecond})
	// The small one is sent and waits for an answer, the large one waits for the daemon to take it.
	for _, size := range []int{10, 64 << 20} {
		_, err = scan(t, s, make([]byte, size))
		require.Equal(t, fault.Timeout, fault.CodeOf(err), "%v", err)
	}
	require.NoError(t, syscall.Kill(c.Pid(), syscall.SIGCONT))
	_, err = scan(t, scanner(t, clamav.Config{Address: c.Address()}), devstack.EICAR())
	require.NoError(t, err)
}

func TestTheVersionChangesWithTheSignatures(t *testing.T) {
	t.Parallel()
	c, err := stacktest.Own(t).StartClamd(t.Context(), devstack.ClamdOptions{OwnSignatures: true})
	require.NoError(t, err)
	s := scanner(t, clamav.Config{Address: c.Address()})
	before, err := s.Version(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^ClamAV [0-9.]+/1/`, before)
	require.NoError(t, c.AddSignature(t.Context(), "Rohrpost.New", []byte("harmless yesterday")))
	after, err := s.Version(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^ClamAV [0-9.]+/2/`, after)
	require.NoError(t, c.Stop(t.Context()))
	_, err = s.Version(t.Context())
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
}

func TestADaemonThatTellsNoVersionIsNoReasonToHang(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"nothing": "", "an empty one": "\x00", "half of one": "ClamAV", "that it may not": "COMMAND UNAVAILABLE\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scanner(t, clamav.Config{Address: mute(t, func(conn net.Conn) {
				io.ReadFull(conn, make([]byte, len("zVERSION\x00")))
				io.WriteString(conn, answer)
			})})
			version, err := s.Version(t.Context())
			require.Equal(t, fault.Unavailable, fault.CodeOf(err), version)
		})
	}
}

func TestACutConnectionIsNoVerdict(t *testing.T) {
	t.Parallel()
	c := stacktest.Clamd(t)
	s := scanner(t, clamav.Config{Address: relay(t, c.Process.Address(), 1, 1<<20)})
	content := bytes.Repeat([]byte("a"), 4<<20)
	_, err := scan(t, s, content)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	got, err := scan(t, s, content)
	require.NoError(t, err)
	require.Equal(t, clamav.Verdict{Name: clamav.Clean}, got)
}

func TestADaemonThatHangsUpWithoutAnAnswerIsNoVerdict(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]func(net.Conn){
		"at once":        func(net.Conn) {},
		"after the file": func(conn net.Conn) { io.ReadFull(conn, make([]byte, 20)) },
		"half a line":    func(conn net.Conn) { io.WriteString(conn, "stream: O") },
		"an error": func(conn net.Conn) {
			io.ReadFull(conn, make([]byte, 20))
			io.WriteString(conn, "stream: Can't allocate memory ERROR\n")
		},
		"nonsense": func(conn net.Conn) { io.WriteString(conn, "OK\n") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := scan(t, scanner(t, clamav.Config{Address: mute(t, answer)}), []byte("0123456789"))
			require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v, %v", got, err)
		})
	}
}

func TestOnlyTheWholeFileGetsAVerdict(t *testing.T) {
	t.Parallel()
	s := scanner(t, clamav.Config{Address: stacktest.Clamd(t).Address()})
	broken := fault.New(fault.Unavailable, "the disk is gone")
	_, err := s.Scan(t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), 8)
	require.ErrorIs(t, err, broken)
	_, err = s.Scan(t.Context(), strings.NewReader("half"), 8)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "shorter than recorded")
	_, err = s.Scan(t.Context(), strings.NewReader("more than that"), 8)
	require.ErrorContains(t, err, "more than the 8 bytes")
}

func TestACancelledScanEndsWithItsCause(t *testing.T) {
	t.Parallel()
	silent := mute(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	s := scanner(t, clamav.Config{Address: silent, Parallel: 1})
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("somebody pressed stop")
	taken := make(chan struct{})
	source := io.MultiReader(strings.NewReader("body"), readerFunc(func([]byte) (int, error) {
		close(taken)
		return 0, io.EOF
	}))
	first := make(chan error)
	go func() {
		_, err := s.Scan(ctx, source, 4)
		first <- err
	}()
	<-taken
	second := make(chan error)
	go func() { // the only slot is taken
		_, err := s.Scan(ctx, strings.NewReader(""), 0)
		second <- err
	}()
	cancel(stopped)
	require.ErrorIs(t, <-first, stopped)
	require.ErrorIs(t, <-second, stopped)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "http://clamd", "unix://relative", "tcp://"} {
		_, err := clamav.New(clamav.Config{Address: address})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), address)
	}
	for _, address := range []string{"127.0.0.1:1", "tcp://127.0.0.1:1", "/nowhere/clamd.sock", "unix:///nowhere/clamd.sock"} {
		_, err := scan(t, scanner(t, clamav.Config{Address: address}), nil)
		require.Equal(t, fault.Unavailable, fault.CodeOf(err), address)
	}
}
