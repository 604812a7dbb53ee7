package bench_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/bench"
	"rohrpost/internal/devstack/stacktest"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func TestASmallRunMeasuresEveryEngine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	opts := bench.Options{Runs: 1, Jobs: 50, Single: 2, JSON: true, Out: &out}
	require.NoError(t, bench.Jobs(t.Context(), opts, slog.New(slog.DiscardHandler)))
	var table []struct {
		Engine string
		Drain  struct{ Median float64 } `json:"drain_jobs_per_second"`
		Idle   struct{ Median float64 } `json:"idle_p50_ms"`
		Loaded struct{ Median float64 } `json:"loaded_p99_ms"`
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &table))
	require.Len(t, table, 3)
	for _, row := range table {
		require.Positive(t, row.Drain.Median, row.Engine)
		require.Positive(t, row.Idle.Median, row.Engine)
		require.Positive(t, row.Loaded.Median, row.Engine)
	}
}
