package ai

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
)

// proxied puts a proxy that can harm connections in front of the server at upstream.
func proxied(t testing.TB, upstream string) *toxiproxy.Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, t.Name(), "127.0.0.1:0", upstream)
	require.NoError(t, p.Start())
	t.Cleanup(p.Stop)
	return p
}

// cutAfter ends connections after some bytes of the answer. Do it to the slow model of an own server: a cut wedges the
// fast ones now and then, see leave.go.
func cutAfter(t testing.TB, p *toxiproxy.Proxy, bytes int) {
	t.Helper()
	const toxic = `{"name": "cut", "type": "limit_data", "stream": "downstream", "attributes": {"bytes": %d}}`
	_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(toxic, bytes)))
	require.NoError(t, err)
}

// silentServer takes connections and never answers.
func silentServer(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l.Addr().String() // the kernel's backlog takes them
}

func TestAServerThatIsDownIsUnavailableUntilItIsBack(t *testing.T) {
	t.Parallel()
	o := ownOllama(t)
	s := asking(t, o.URL(), Config{Failures: 100})
	whole(t, s, stacktest.ModelSay)
	require.NoError(t, s.Ready(within(t)))
	require.NoError(t, o.Stop(within(t)))
	_, err := s.models.generate(within(t), Question{Prompt: "Hello?", Model: stacktest.ModelSay}, ignore, calm)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Contains(t, fault.Message(err), "can't be reached")
	require.NotContains(t, fault.Message(err), hostOf(t, o), "nobody outside needs the address")
	require.Equal(t, fault.Unavailable, fault.CodeOf(s.Ready(within(t))))
	require.NoError(t, o.Start(within(t)))
	whole(t, s, stacktest.ModelSay)
}

func TestAFrozenServerIsATimeoutBeforeTheFirstWordAndAfterIt(t *testing.T) {
	t.Parallel()
	o := ownOllama(t)
	s := asking(t, o.URL(), Config{})
	whole(t, s, stacktest.ModelSay)
	freeze := func() { require.NoError(t, syscall.Kill(o.Pid(), syscall.SIGSTOP)) }
	thaw := func() { require.NoError(t, syscall.Kill(o.Pid(), syscall.SIGCONT)) }

	freeze()
	impatient := asking(t, o.URL(), Config{FirstChunk: 200 * time.Millisecond})
	_, err := impatient.models.generate(within(t), Question{Prompt: "Hello?", Model: stacktest.ModelSay}, ignore, calm)
	require.Equal(t, fault.Timeout, fault.CodeOf(err), "%v", err)
	require.True(t, fault.ClassOf(fault.CodeOf(err)).Retryable)
	thaw()
	whole(t, s, stacktest.ModelSay)

	nervous := asking(t, o.URL(), Config{Silence: 500 * time.Millisecond})
	heard := listen(3)
	done := make(chan error, 1)
	go func() {
		_, err := nervous.models.generate(within(t), Question{Prompt: "Go on.", Model: stacktest.ModelSlow}, heard.take, calm)
		done <- err
	}()
	heard.wait(t)
	freeze()
	err = <-done
	require.Equal(t, fault.Timeout, fault.CodeOf(err), "%v", err)
	thaw()
	whole(t, s, stacktest.ModelSay)
}

func TestAModelThatKeepsFailingRestsAndTheOthersDoNot(t *testing.T) {
	t.Parallel()
	s := asking(t, silentServer(t), Config{FirstChunk: 50 * time.Millisecond, Failures: 2, Rest: 100 * time.Millisecond})
	ask := func(model string) error {
		_, err := s.models.generate(within(t), Question{Prompt: "Hello?", Model: model}, ignore, calm)
		return err
	}
	for range 2 {
		require.Equal(t, fault.Timeout, fault.CodeOf(ask("wedged")))
	}
	began := time.Now()
	err := ask("wedged:latest")
	require.Less(t, time.Since(began), 50*time.Millisecond, "it isn't even asked")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	require.Contains(t, fault.Message(err), "rests")
	require.Equal(t, fault.Timeout, fault.CodeOf(ask("other")))

	require.Eventually(t, func() bool { return fault.CodeOf(ask("wedged")) == fault.Timeout },
		patience, 20*time.Millisecond, "after its rest one question is let through")
	require.Equal(t, fault.Unavailable, fault.CodeOf(ask("wedged")), "which failed, so that it rests again")
}
