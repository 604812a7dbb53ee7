package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/devstack/stacktest"
)

func TestMain(m *testing.M) { stacktest.Main(m) }

func TestASmallRunPutsRiverOnTrial(t *testing.T) {
	t.Parallel()
	servers := trial.Servers{DatabaseURL: stacktest.Postgres(t).URL()}
	s, closes, err := open(t.Context(), servers)
	require.NoError(t, err)
	defer closes()
	values, err := trial.Run(t.Context(), s, servers, trial.Plan{
		Single: 50, Jobs: 200, Idle: 2, IdleFor: time.Second, Rest: 50 * time.Millisecond, Load: 50 * time.Millisecond,
		Backlog: 100, Strangers: 2,
	})
	require.NoError(t, err)
	for _, key := range []string{trial.EnqueueRate, trial.DrainRate, trial.IdleP50, trial.LoadP99, trial.NeighbourP99} {
		require.Positive(t, values[key], key)
	}
}
