package chaos

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack"
	"rohrpost/internal/fault"
)

func TestASeedChoosesTheSameFaultsAgain(t *testing.T) {
	t.Parallel()
	s := &stage{
		nodes: []*node{{name: "a", role: api}, {name: "w", role: worker}, {name: "v", role: worker}, {name: "s", role: scheduler}},
		redis: &devstack.Redis{Process: &devstack.Process{}}, postgres: &devstack.Postgres{Process: &devstack.Process{}},
	}
	chosen := func(seed uint64) (all []string) {
		random := rand.New(rand.NewPCG(seed, 1))
		for range 5 {
			for _, k := range faultKinds {
				b := k.choose(s, random)
				require.NotEmpty(t, b.target, k.name)
				all = append(all, k.name+" "+b.target+" "+b.hold.String())
			}
		}
		return all
	}
	require.Equal(t, chosen(7), chosen(7))
	require.NotEqual(t, chosen(7), chosen(8))
}

func TestAFaultThatDoesNotExistIsToldWithThoseThatDo(t *testing.T) {
	t.Parallel()
	_, err := chosenFaults([]string{"worker-kill", "meteorite"})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.ErrorContains(t, err, `no fault "meteorite"`)
	require.ErrorContains(t, err, "network-half-open")
	all, err := chosenFaults(nil)
	require.NoError(t, err)
	require.Len(t, all, len(faultKinds))
}

func TestTheReportNamesTheCommandThatRunsItAgain(t *testing.T) {
	t.Parallel()
	opts := Options{Seed: 9, For: time.Minute, Jobs: 100, Faults: []string{"api-kill", "redis-flush"}}
	require.Equal(t, "rohrpost chaos --seed 9 --for 1m0s --jobs 100 --faults api-kill,redis-flush", opts.command())
	r := report{
		Happenings: []happening{{Kind: "api-kill", Recovered: time.Second}, {Kind: "api-kill", Recovered: 3 * time.Second}},
		Findings:   []finding{{Invariant: "all is well"}, {Invariant: "nothing is broken", Count: 2, Broken: []string{"a is", "b is"}}},
	}
	r.Faults = recoveries(r.Happenings)
	require.Equal(t, 1, r.broken())
	var out bytes.Buffer
	require.NoError(t, r.writeTable(&out))
	require.Regexp(t, `api-kill +2 +3.0 s +3.0 s`, out.String())
	require.Contains(t, out.String(), "NO, 2 times")
	require.Contains(t, out.String(), "nothing is broken: b is")
}

func TestAWireCutsSlowsAndSwallows(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer echo.Close()
	arrived := make(chan byte, 100)
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				p := make([]byte, 1)
				for {
					if _, err := conn.Read(p); err != nil {
						return
					}
					arrived <- p[0]
					_, _ = conn.Write(p)
				}
			}()
		}
	}()
	w, err := newWire(newProxies(), "test", echo.Addr().String())
	require.NoError(t, err)
	defer w.close()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", w.at)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	ask := func(conn net.Conn, within time.Duration) error {
		require.NoError(t, conn.SetDeadline(time.Now().Add(within)))
		if _, err := conn.Write([]byte{1}); err != nil {
			return err
		}
		_, err := conn.Read(make([]byte, 1))
		return err
	}
	conn := dial()
	require.NoError(t, ask(conn, 10*time.Second))
	<-arrived

	require.NoError(t, w.harm(halfOpen))
	require.ErrorIs(t, ask(conn, 200*time.Millisecond), os.ErrDeadlineExceeded)
	<-arrived // what was asked was done
	require.NoError(t, w.heal(t.Context(), halfOpen))

	conn = dial()
	require.NoError(t, ask(conn, 10*time.Second))
	require.NoError(t, w.harm(cut))
	err = ask(conn, 10*time.Second)
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the connection is closed")
	require.NoError(t, w.heal(t.Context(), cut))

	conn = dial()
	require.NoError(t, w.harm(slow))
	require.NoError(t, ask(conn, 10*time.Second))
	require.NoError(t, w.heal(t.Context(), slow))
	require.NoError(t, ask(conn, 10*time.Second))
}
