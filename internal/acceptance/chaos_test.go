package acceptance

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// A short run; `make chaos` is the long one.
func TestNothingIsLostOrDoneTwiceWhileThingsBreak(t *testing.T) {
	t.Parallel()
	// Asynq may take two minutes to tidy up what a fault left behind; the run waits for that.
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "chaos", "--seed", "3", "--for", "5s", "--jobs", "300", "--json",
		"--faults", "redis-flush,scheduler-kill,network-cut")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + os.TempDir()}
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	require.NoError(t, cmd.Run(), "%s\n%s", out.String(), log.String())
	var report struct {
		Seed           int
		OrdersAccepted int `json:"orders_accepted"`
		Happenings     []struct{ Kind string }
		Invariants     []struct {
			Invariant   string
			BrokenCount int `json:"broken_count"`
		}
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &report), out.String())
	require.Equal(t, 3, report.Seed)
	require.Positive(t, report.OrdersAccepted)
	require.NotEmpty(t, report.Happenings)
	require.Len(t, report.Invariants, 8)
	for _, i := range report.Invariants {
		require.Zero(t, i.BrokenCount, i.Invariant)
	}
}
