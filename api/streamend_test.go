package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
	"rohrpost/internal/stream"
)

func TestTheEndOfAStreamHasACause(t *testing.T) {
	t.Parallel()
	write := func(err error) error { return &net.OpError{Op: "write", Net: "tcp", Err: err} }
	for want, err := range map[string]error{
		endOver: nil, endSlow: stream.ErrSlow, endStopped: stream.ErrStopped, endLoggedOut: errLoggedOut,
		endDeleted: fault.New(fault.NotFound, "There is no such job."), endGone: write(syscall.EPIPE), endFailed: errors.New("x"),
	} {
		require.Equal(t, want, whyEnded(err))
		if err != nil {
			require.Equal(t, want, whyEnded(fmt.Errorf("follow: %w", err)))
		}
	}
	require.Equal(t, endSlow, whyEnded(fmt.Errorf("write events: %w", write(os.ErrDeadlineExceeded))))
}
