package stream

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// sink stands in for the log where the clock is ours.
type sink struct {
	mu    sync.Mutex
	start time.Time
	texts []string
	at    []time.Duration
	fail  error
}

func (k *sink) writer(cfg Config, opts TokenOptions) *TokenWriter {
	k.start = time.Now()
	opts.Data = func(text string) json.RawMessage { return json.RawMessage(text) }
	return newTokenWriter(cfg.withDefaults(), opts,
		func(entries []Entry) ([]*part, error) { return []*part{{args: []any{string(entries[0].Data)}}}, nil },
		func(_ context.Context, parts []*part) error {
			k.mu.Lock()
			defer k.mu.Unlock()
			if k.fail == nil {
				k.texts = append(k.texts, parts[0].args[0].(string))
				k.at = append(k.at, time.Since(k.start))
			}
			return k.fail
		})
}

func (k *sink) set(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

func TestFirstTokenGoesAtOnceAndTheRestIsCoalesced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var k sink
		w := k.writer(Config{}, TokenOptions{})
		for range 25 { // one a millisecond
			w.Write("x")
			synctest.Wait()
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		w.Write("y") // after a pause: at once again
		synctest.Wait()
		require.Equal(t, []string{"x", strings.Repeat("x", 24), "y"}, k.texts)
		require.Equal(t, []time.Duration{0, 25 * time.Millisecond, 1025 * time.Millisecond}, k.at)
		require.NoError(t, w.Close(t.Context()))
		require.NoError(t, w.Close(t.Context()))
		w.Write("late")
		require.Len(t, k.texts, 3)
	})
}

func TestManyTokensAndManyBytesAreFlushedEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var k sink
		w := k.writer(Config{CoalesceBytes: 1000}, TokenOptions{})
		w.Write("a")
		synctest.Wait()
		for range 64 {
			w.Write("b")
		}
		synctest.Wait()
		w.Write(strings.Repeat("c", 2500))
		synctest.Wait()
		require.Equal(t, time.Duration(0), k.at[len(k.at)-1])
		require.NoError(t, w.Close(t.Context()))
		require.Equal(t, "a"+strings.Repeat("b", 64)+strings.Repeat("c", 2500), strings.Join(k.texts, ""))
		for _, text := range k.texts {
			require.LessOrEqual(t, len(text), 1000)
		}
	})
}

func TestACharacterCutIntoTokensArrivesWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var k sink
		w := k.writer(Config{CoalesceBytes: 10}, TokenOptions{})
		text := "aé€😀ö" + strings.Repeat("😀", 9)
		for _, b := range []byte(text) {
			w.Write(string([]byte{b}))
			time.Sleep(30 * time.Millisecond)
		}
		w.Write(text)
		w.Write("\xf0\x9f") // the model stopped in the middle of one
		require.NoError(t, w.Close(t.Context()))
		require.Equal(t, text+text+"\xf0\x9f", strings.Join(k.texts, ""))
		for _, part := range k.texts[:len(k.texts)-1] {
			require.NotContains(t, strings.ToValidUTF8(part, "\x00"), "\x00", "%q", part)
		}
	})
}

func TestWhileRedisIsAwayTokensWaitAndTheOldestAreDroppedAtTheBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var k sink
		w := k.writer(Config{PendingBytes: 1000}, TokenOptions{})
		k.set(errors.New("away"))
		w.Write("first ")
		synctest.Wait()
		w.Write("second ")
		time.Sleep(5 * time.Second)
		require.False(t, w.Lost())
		k.set(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []string{"first ", "second "}, k.texts)

		k.set(errors.New("away"))
		for range 500 {
			w.Write("12345678")
		}
		require.True(t, w.Lost())
		err := w.Close(t.Context())
		require.ErrorContains(t, err, "away")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(time.Second) // its last call returns
	})
}

func TestARefusedWriterStopsAndTells(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	log := New(srv.client(), Config{})
	job := uuid.New()
	told := make(chan error, 2)
	w := NewTokenWriter(log, TokenOptions{Job: job, Epoch: 1, OnRefused: func(err error) { told <- err }})
	w.Write("mine")
	require.Eventually(t, func() bool {
		return srv.client().XLen(t.Context(), Job(job).String()).Val() == 1
	}, patience, time.Millisecond)
	require.NoError(t, log.Append(t.Context(), 2, number(Job(job), 1)))
	w.Write("stale")
	require.ErrorIs(t, <-told, ErrFenced)
	require.ErrorIs(t, w.Err(), ErrFenced)
	require.ErrorIs(t, w.Close(t.Context()), ErrFenced)
	require.EqualValues(t, 2, srv.client().XLen(t.Context(), Job(job).String()).Val())
}

func TestTokensReachBothStreamsWholeAndOnceAlsoThroughARestart(t *testing.T) {
	t.Parallel()
	srv := startRedis(t, "appendonly yes", "appendfsync always")
	log := New(srv.client(), Config{})
	hub := startHub(t, srv.client(), Config{})
	job, owner := uuid.New(), uuid.New()
	streams := []*Subscription{subscribe(t, hub, Job(job), ""), subscribe(t, hub, User(owner), FromNow)}
	w := NewTokenWriter(log, TokenOptions{Job: job, Owner: owner, Epoch: 1})
	var want strings.Builder
	for n := range 20_000 {
		token := []string{"Rohr", "post ", "läuft ", "😀\n"}[n%4]
		w.Write(token)
		want.WriteString(token)
		if n == 5_000 {
			require.Equal(t, TypeToken, next(t, subscribe(t, hub, Job(job), "")).Type)
			srv.Kill()
		}
		if n == 15_000 {
			srv.start()
		}
	}
	require.NoError(t, w.Close(within(t)))
	for _, s := range streams {
		var got strings.Builder
		for got.Len() < want.Len() {
			var data struct{ JobID, Token string }
			e := next(t, s)
			require.NoError(t, json.Unmarshal([]byte(strings.Replace(string(e.Data), "job_id", "JobID", 1)), &data))
			require.Equal(t, job.String(), data.JobID)
			require.Equal(t, TypeToken, e.Type)
			require.Equal(t, want.String()[got.Len():][:len(data.Token)], data.Token, "%s at %d", e.ID, got.Len())
			got.WriteString(data.Token)
		}
		require.Equal(t, want.String(), got.String())
	}
}
