package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/bench"
	"rohrpost/internal/bench/trial"
	"rohrpost/internal/cli"
	"rohrpost/internal/devstack/stacktest"
)

// peerEnv makes the test binary a peer of that behaviour.
const peerEnv = "ROHRPOST_TEST_PEER"

// Not beside others: traces are on for the whole process meanwhile.
func TestWhatMetricsAndTracesCostIsMeasured(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, bench.Observed(t.Context(), bench.JobsOptions{
		Options: bench.Options{Runs: 1, Cold: true, JSON: true, Out: &out}, Jobs: 100,
	}))
	var got table
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	cells := got.of(t, trial.DrainRate)
	require.Len(t, cells, 4)
	for subject, c := range cells {
		require.Positive(t, c.Median, subject)
		require.NotNil(t, c.Ratio, subject)
	}
	require.Equal(t, 1.0, *cells["bare"].Ratio)
}

func TestMain(m *testing.M) {
	if args, ok := os.LookupEnv(argsEnv); ok {
		os.Exit(cli.Main(strings.Fields(args), os.Stdout, os.Stderr))
	}
	switch os.Getenv(peerEnv) {
	case "":
		stacktest.Main(m)
	case "quits":
		os.Exit(3)
	default:
		open := func(context.Context, trial.Servers) (trial.Subject, func(), error) { return &nothing{}, func() {}, nil }
		if err := trial.Serve(context.Background(), os.Stdin, os.Stdout, open); err != nil {
			os.Exit(1)
		}
	}
}

// nothing is an engine whose worker starts each job as soon as it is enqueued, or as the worker is.
type nothing struct{ started chan int }

func (*nothing) Name() string { return "nothing" }

func (n *nothing) Enqueue(_ context.Context, _ trial.Owner, job int) error {
	n.started <- job
	return nil
}

func (n *nothing) EnqueueMany(ctx context.Context, owner trial.Owner, first, jobs int) error {
	for i := range jobs {
		if err := n.Enqueue(ctx, owner, first+i); err != nil {
			return err
		}
	}
	return nil
}

func (n *nothing) Work(_ context.Context, started func(int)) (func() error, error) {
	quit := make(chan struct{})
	go func() {
		for {
			select {
			case job := <-n.started:
				started(job)
			case <-quit:
				return
			}
		}
	}()
	return func() error { close(quit); return nil }, nil
}

func (*nothing) Ended(context.Context) (int, error) { return 1 << 20, nil }

func (n *nothing) Reset(context.Context) error {
	n.started = make(chan int, 1<<10)
	return nil
}

// table is what --json prints.
type table struct {
	Bench, Baseline string
	Runs            int
	Machine         struct {
		PostgreSQL, Redis string
		Commit            float64 `json:"commit_ms"`
	}
	Figures []struct {
		Key      string
		Subjects []cell
	}
}

type cell struct {
	Subject          string
	Median, Min, Max float64
	Ratio            *float64
}

func (tb table) of(t *testing.T, key string) map[string]cell {
	t.Helper()
	cells := map[string]cell{}
	for _, f := range tb.Figures {
		if f.Key == key {
			for _, c := range f.Subjects {
				cells[c.Subject] = c
			}
		}
	}
	return cells
}

func tiny() *trial.Plan {
	return &trial.Plan{
		Single: 50, Jobs: 100, Idle: 1, IdleFor: time.Second, Rest: 50 * time.Millisecond, Load: 50 * time.Millisecond,
		Backlog: 100, Strangers: 2,
	}
}

func TestASmallRunPutsEveryEngineOnTrialAndAPeerToo(t *testing.T) {
	t.Parallel()
	me, err := os.Executable()
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, bench.Jobs(t.Context(), bench.JobsOptions{
		Options: bench.Options{Runs: 1, Cold: true, JSON: true, Out: &out}, Plan: tiny(), Peers: []string{"env " + peerEnv + "=serves " + me},
	}))
	var got table
	require.NoError(t, json.Unmarshal(out.Bytes(), &got))
	require.Equal(t, "jobs", got.Bench)
	require.Equal(t, 1, got.Runs)
	require.NotEmpty(t, got.Machine.PostgreSQL)
	require.NotEmpty(t, got.Machine.Redis)
	require.Positive(t, got.Machine.Commit)
	for _, key := range []string{trial.EnqueueRate, trial.DrainRate, trial.IdleP50, trial.LoadP99, trial.NeighbourP99} {
		cells := got.of(t, key)
		for _, subject := range []string{"rohrpost", "asynq, stock", "asynq, polling at 5 ms", "nothing"} {
			c := cells[subject]
			require.Positive(t, c.Min, "%s of %s", key, subject)
			require.LessOrEqual(t, c.Min, c.Median)
			require.LessOrEqual(t, c.Median, c.Max)
			require.NotNil(t, c.Ratio)
		}
		require.Equal(t, 1.0, *cells[got.Baseline].Ratio)
	}
	require.Positive(t, got.of(t, trial.RestCommands)["rohrpost"].Median)
	require.NotContains(t, got.of(t, trial.RestCommands), "nothing", "it has no Redis")
}

func TestAPeerThatQuitsIsNamed(t *testing.T) {
	t.Parallel()
	me, err := os.Executable()
	require.NoError(t, err)
	command := "env " + peerEnv + "=quits " + me
	require.ErrorContains(t, bench.StartPeer(t.Context(), command), "peer "+command)
	require.ErrorContains(t, bench.StartPeer(t.Context(), "/nowhere/at/all"), "peer /nowhere/at/all")
}
