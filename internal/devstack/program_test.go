package devstack_test

import (
	"context"
	"net"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack/stacktest"
)

func TestAnyProgramKeepsItsAddressOverARestart(t *testing.T) {
	t.Parallel()
	stack := stacktest.Own(t)
	p, err := stack.StartProgram(t.Context(), "other", func(address string) *exec.Cmd {
		host, port, _ := net.SplitHostPort(address)
		return exec.Command("redis-server", "--bind", host, "--port", port, "--save", "")
	}, func(ctx context.Context, address string) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	require.NoError(t, err)
	first, at := p.Pid(), p.Address()
	require.NoError(t, p.Restart(t.Context()))
	require.Equal(t, at, p.Address())
	require.NotEqual(t, first, p.Pid())
	require.NotZero(t, p.Pid())
}
