package trial_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rohrpost/internal/bench/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pipe is an engine without anything: a channel with one worker, which takes delay over a start.
type pipe struct {
	jobs   chan int
	ended  atomic.Int64
	delay  time.Duration
	broken error
}

func (*pipe) Name() string { return "pipe" }

func (p *pipe) Enqueue(_ context.Context, _ trial.Owner, n int) error {
	p.jobs <- n
	return p.broken
}

func (p *pipe) EnqueueMany(ctx context.Context, owner trial.Owner, first, n int) error {
	for i := range n {
		if err := p.Enqueue(ctx, owner, first+i); err != nil {
			return err
		}
	}
	return nil
}

func (p *pipe) Work(_ context.Context, started func(n int)) (func() error, error) {
	quit, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			select {
			case n := <-p.jobs:
				if p.delay > 0 {
					<-time.After(p.delay)
				}
				started(n)
				p.ended.Add(1)
			case <-quit:
				return
			}
		}
	}()
	return func() error { close(quit); <-gone; return nil }, nil
}

func (p *pipe) Ended(context.Context) (int, error) { return int(p.ended.Load()), nil }

func (p *pipe) Reset(context.Context) error {
	p.ended.Store(0)
	p.jobs = make(chan int, 1<<16)
	return nil
}

func plan() trial.Plan {
	return trial.Plan{
		Single: 200, Jobs: 200, Idle: 4, IdleFor: time.Minute, Rest: 20 * time.Millisecond, Load: 20 * time.Millisecond,
		Backlog: 200, Strangers: 3,
	}
}

func TestARunHasEveryFigure(t *testing.T) {
	t.Parallel()
	values, err := trial.Run(t.Context(), &pipe{}, trial.Servers{RedisPid: os.Getpid()}, plan())
	require.NoError(t, err)
	for _, key := range []string{
		trial.EnqueueRate, trial.EnqueueManyRate, trial.DrainRate, trial.IdleP50, trial.IdleP99, trial.LoadRate, trial.LoadP50,
		trial.LoadP99, trial.NeighbourP50, trial.NeighbourP99,
	} {
		require.Positive(t, values[key], key)
	}
	require.NotContains(t, values, trial.RestCommands, "this engine has no Redis")
}

func TestWhatASubjectTakesIsWhatIsMeasured(t *testing.T) {
	t.Parallel()
	const delay = 4 * time.Millisecond
	p := plan()
	p.Jobs, p.Backlog = 20, 20
	values, err := trial.Run(t.Context(), &pipe{delay: delay}, trial.Servers{}, p)
	require.NoError(t, err)
	require.GreaterOrEqual(t, values[trial.IdleP50], 4.0, "a start takes the worker 4 ms")
	require.GreaterOrEqual(t, values[trial.IdleP99], values[trial.IdleP50])
	require.LessOrEqual(t, values[trial.DrainRate], 250.0, "so it starts 250 a second at most")
	require.Greater(t, values[trial.NeighbourP99], 40.0, "and whoever comes behind a backlog of 20 waits for it")
	sustained := 1 / (1/values[trial.EnqueueRate] + 1/values[trial.DrainRate])
	require.InDelta(t, sustained/2, values[trial.LoadRate], 0.001)
}

func TestTheFirstErrorNamesItsStepAndEndsTheRun(t *testing.T) {
	t.Parallel()
	_, err := trial.Run(t.Context(), &pipe{broken: errors.New("no connection")}, trial.Servers{}, plan())
	require.EqualError(t, err, "enqueue: no connection")
}

func TestAPeerAnswersEachPlanUntilItsInputEnds(t *testing.T) {
	t.Parallel()
	first, err := json.Marshal(plan())
	require.NoError(t, err)
	in := `{"database_url":"postgres://elsewhere"}` + "\n" + strings.Repeat(string(first)+"\n", 2)
	var out bytes.Buffer
	closed := false
	err = trial.Serve(t.Context(), strings.NewReader(in), &out, func(_ context.Context, s trial.Servers) (trial.Subject, func(), error) {
		require.Equal(t, "postgres://elsewhere", s.DatabaseURL)
		return &pipe{}, func() { closed = true }, nil
	})
	require.NoError(t, err)
	require.True(t, closed)
	answers := json.NewDecoder(&out)
	var replies []trial.Reply
	for answers.More() {
		var reply trial.Reply
		require.NoError(t, answers.Decode(&reply))
		replies = append(replies, reply)
	}
	require.Len(t, replies, 3)
	require.Equal(t, trial.Reply{Name: "pipe"}, replies[0])
	require.Positive(t, replies[2].Values[trial.DrainRate])
}

func TestAPeerThatCannotOpenSaysWhy(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := trial.Serve(t.Context(), strings.NewReader("{}\n"), &out, func(context.Context, trial.Servers) (trial.Subject, func(), error) {
		return nil, nil, errors.New("no database there")
	})
	require.Error(t, err)
	require.JSONEq(t, `{"error":"no database there"}`, out.String())
}
