package cli

import (
	"log/slog"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 10 * time.Second

func TestTheFirstSignalAsksAndTheSecondForces(t *testing.T) {
	forced := make(chan struct{})
	ctx, stop := untilSignal(t.Context(), slog.New(slog.DiscardHandler), func() { close(forced) })
	defer stop()
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGTERM))
	await(t, ctx.Done())
	select {
	case <-forced:
		t.Fatal("the first signal must not force")
	default:
	}
	require.NoError(t, syscall.Kill(syscall.Getpid(), syscall.SIGINT))
	await(t, forced)
}

func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("it did not happen")
	}
}
