package devstack_test

import (
	"net"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestAnyProgramKeepsItsAddressOverARestart(t *testing.T) {
	t.Parallel()
	stack := stacktest.Own(t)
	p, err := stack.StartProgram(t.Context(), devstack.Program{
		Name: "other", Says: "Ready to accept connections", Command: func(address string) *exec.Cmd {
			host, port, _ := net.SplitHostPort(address)
			return exec.Command("redis-server", "--bind", host, "--port", port, "--save", "")
		},
	})
	require.NoError(t, err)
	first, at := p.Pid(), p.Address()
	require.NoError(t, p.Restart(t.Context()))
	require.Equal(t, at, p.Address())
	require.NotEqual(t, first, p.Pid())
	require.NotZero(t, p.Pid())
}
