package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func TestReadersThatReconnectAnywhereGetEveryEventOnceInOrder(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	log := New(srv.client(), Config{})
	// Two api processes, small pages and buffers: every way of catching up is taken.
	hubs := []*Hub{
		startHub(t, srv.client(), Config{Page: 7, Buffer: 16}),
		startHub(t, srv.client(), Config{Poll: 20 * time.Millisecond}),
	}
	job := newJob()
	const total = 1500
	group, ctx := errgroup.WithContext(within(t))
	group.Go(func() error {
		for n := 1; n <= total; n++ {
			if err := log.Append(ctx, 1, number(job, n)); err != nil {
				return err
			}
		}
		return log.Append(ctx, 1, end(job))
	})
	for reader := range 4 {
		group.Go(func() error {
			after, last := "", 0
			for {
				s, err := hubs[rand.N(2)].Subscribe(ctx, job, after)
				if err != nil {
					return err
				}
				for range rand.N(200) {
					e, err := s.Next(ctx)
					if errors.Is(err, ErrSlow) {
						break
					} else if err != nil {
						s.Close()
						return err
					}
					if e.End {
						s.Close()
						if last != total {
							return fmt.Errorf("reader %d ended at %d", reader, last)
						}
						return nil
					}
					if string(e.Data) != fmt.Sprint(last+1) {
						return fmt.Errorf("reader %d after %d (%s) got %+v", reader, last, after, e)
					}
					after, last = e.ID, last+1
				}
				s.Close()
			}
		})
	}
	require.NoError(t, group.Wait())
}

func TestTwoHubsSeeTheSame(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	log := New(srv.client(), Config{})
	job, user := newJob(), User(uuid.New())
	a, b := startHub(t, srv.client(), Config{}), startHub(t, srv.client(), Config{})
	one, two, three := subscribe(t, a, job, ""), subscribe(t, b, job, ""), subscribe(t, b, user, FromNow)
	for n := 1; n <= 50; n++ {
		require.NoError(t, log.Append(t.Context(), 1, number(job, n), number(user, n)))
	}
	for n := 1; n <= 50; n++ {
		first := next(t, one)
		require.Equal(t, first, next(t, two))
		require.Equal(t, n, numberOf(t, first))
	}
	wantNumbers(t, three, 1, 50)
}

func TestWipedWhileSubscribed(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	rdb := srv.client()
	log := New(rdb, Config{})
	hub := startHub(t, rdb, Config{Poll: 20 * time.Millisecond})
	job := newJob()
	s := subscribe(t, hub, job, "")
	appendNumbers(t, log, job, 1, 10)
	id := wantNumbers(t, s, 1, 10).ID

	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	require.Empty(t, wantReload(t, s).ID, "gone: resume from the beginning")
	appendNumbers(t, log, job, 11, 12)
	wantNumbersAfterReloads(t, s, 11, 12) // what is there now has no beginning

	t.Run("and read for the first time", func(t *testing.T) {
		s := subscribe(t, hub, job, "")
		wantReload(t, s)
		wantNumbers(t, s, 11, 12)
	})

	t.Run("and resumed with an id of before", func(t *testing.T) {
		s := subscribe(t, hub, job, id)
		wantReload(t, s)
		wantNumbers(t, s, 11, 12)
	})
	t.Run("and regrown past the id", func(t *testing.T) {
		appendNumbers(t, log, job, 13, 40)
		s := subscribe(t, hub, job, id)
		wantReload(t, s)
		wantNumbers(t, s, 11, 40)
	})
}

func TestWipedAndRegrownBehindALiveReadersBack(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	rdb := srv.client()
	log := New(rdb, Config{})
	hub := startHub(t, rdb, Config{Poll: time.Hour}) // only the live message tells
	job, user := newJob(), User(uuid.New())
	s, u := subscribe(t, hub, job, ""), subscribe(t, hub, user, "")
	appendNumbers(t, log, job, 1, 3)
	appendNumbers(t, log, user, 1, 3)
	wantNumbers(t, s, 1, 3)
	wantNumbers(t, u, 1, 3)
	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	appendNumbers(t, log, job, 4, 9)
	appendNumbers(t, log, user, 4, 9)
	wantReload(t, s)
	wantNumbers(t, s, 4, 9)

	at := wantReload(t, u) // a user's stream goes on from now
	require.Equal(t, must(hub.lastOf(t.Context(), user)), must(parsePosition(at.ID)))
	appendNumbers(t, log, user, 10, 10)
	wantNumbers(t, u, 10, 10)
}

func TestRedisThatComesBackWithoutItsTailBeginsAnew(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	rdb := srv.client()
	log := New(rdb, Config{})
	hub := startHub(t, rdb, Config{})
	job := newJob()
	appendNumbers(t, log, job, 1, 5)
	copied, err := rdb.Dump(t.Context(), job.String()).Result()
	require.NoError(t, err)
	s := subscribe(t, hub, job, "")
	appendNumbers(t, log, job, 6, 9)
	id := wantNumbers(t, s, 1, 9).ID
	s.Close()
	require.NoError(t, rdb.RestoreReplace(t.Context(), job.String(), 0, copied).Err())
	appendNumbers(t, log, job, 10, 30) // would reach the reader's id again
	s = subscribe(t, hub, job, id)
	wantReload(t, s)
	wantNumbers(t, s, 10, 30)
}

func TestALostMessageIsLateNeverLost(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	rdb := srv.client()
	log := New(rdb, Config{})
	hub := startHub(t, rdb, Config{Poll: 20 * time.Millisecond})
	job := newJob()
	s := subscribe(t, hub, job, "")
	appendNumbers(t, log, job, 1, 1)
	at := must(parsePosition(wantNumbers(t, s, 1, 1).ID))
	for n := 2; n <= 4; n++ { // into the log, but never published
		at.seq++
		require.NoError(t, rdb.XAdd(t.Context(), &redis.XAddArgs{Stream: job.String(), ID: at.String(),
			Values: []any{"t", TypeToken, "d", n}}).Err())
	}
	wantNumbers(t, s, 2, 4)
	appendNumbers(t, log, job, 5, 6)
	wantNumbers(t, s, 5, 6)
}

func TestRestartOfRedisWhileSubscribed(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"log kept":  {"appendonly yes", "appendfsync always"},
		"log wiped": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := startRedis(t, settings...)
			log := New(srv.client(), Config{})
			hub := startHub(t, srv.client(), Config{Poll: time.Hour})
			job := newJob()
			s, quiet := subscribe(t, hub, job, ""), subscribe(t, hub, newJob(), "")
			appendNumbers(t, log, job, 1, 5)
			wantNumbers(t, s, 1, 5)

			srv.Kill()
			_, err := hub.Subscribe(canceled(t), job, "")
			require.Error(t, err)
			srv.start()
			require.Eventually(t, func() bool { return log.Append(t.Context(), 0, number(job, 6)) == nil },
				patience, 10*time.Millisecond)
			appendNumbers(t, log, job, 7, 20)
			if settings == nil {
				wantNumbersAfterReloads(t, s, 6, 20)
			} else {
				wantNumbers(t, s, 6, 20)
			}
			appendNumbers(t, log, quiet.key, 1, 1)
			wantNumbers(t, quiet, 1, 1)
			require.NoError(t, log.Append(t.Context(), 0, end(job)))
			require.True(t, next(t, s).End)
			wantEnd(t, s)
		})
	}
}

func TestOnlyThePubSubConnectionIsCut(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	rdb := srv.client()
	log := New(rdb, Config{})
	hub := startHub(t, srv.client(), Config{Poll: time.Hour})
	job := newJob()
	s := subscribe(t, hub, job, "")
	group, ctx := errgroup.WithContext(within(t))
	group.Go(func() error {
		for n := 1; n <= 600; n++ {
			if n%150 == 0 {
				if err := rdb.ClientKillByFilter(ctx, "TYPE", "pubsub").Err(); err != nil {
					return err
				}
			}
			if err := log.Append(ctx, 0, number(job, n)); err != nil {
				return err
			}
		}
		return log.Append(ctx, 0, end(job))
	})
	group.Go(func() error {
		last, err := drain(ctx, s, 0)
		if err == nil && last != 600 {
			err = fmt.Errorf("ended at %d", last)
		}
		return err
	})
	require.NoError(t, group.Wait())
}

func TestSlowReaderIsCutOffAndOthersAreNot(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	log := New(srv.client(), Config{})
	hub := startHub(t, srv.client(), Config{Buffer: 20})
	job := newJob()
	slow, fast := subscribe(t, hub, job, ""), subscribe(t, hub, job, "")
	for n := 1; n <= 100; n++ {
		appendNumbers(t, log, job, n, n)
		wantNumbers(t, fast, n, n)
	}
	_, err := slow.Next(within(t))
	require.ErrorIs(t, err, ErrSlow)
	require.ErrorIs(t, slow.Err(), ErrSlow)

	resumed := subscribe(t, hub, job, "")
	wantNumbers(t, resumed, 1, 100)
}

func TestALateReaderThatReplaysIsNotTakenForASlowOne(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	log := New(srv.client(), Config{})
	hub := startHub(t, srv.client(), Config{Buffer: 5})
	job := newJob()
	appendNumbers(t, log, job, 1, 30)
	s := subscribe(t, hub, job, "")
	appendNumbers(t, log, job, 31, 60)
	require.Eventually(t, func() bool { // the live ones have arrived, and were too many
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.behind
	}, patience, time.Millisecond)
	wantNumbers(t, s, 1, 60)
}

func TestStopAndClose(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	hub := NewHub(srv.client(), Config{}, nil, nil)
	_, err := hub.Subscribe(t.Context(), newJob(), "")
	require.ErrorIs(t, err, ErrStopped, "before the start")
	NewHub(srv.client(), Config{}, nil, nil).Stop()

	hub.Start(t.Context())
	hub.Start(t.Context())
	s, closed := subscribe(t, hub, newJob(), ""), subscribe(t, hub, newJob(), "")
	closed.Close()
	closed.Close()
	_, err = closed.Next(t.Context())
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, closed.Err())
	failed := make(chan error, 1)
	go func() { _, err := s.Next(context.Background()); failed <- err }()
	hub.Stop()
	hub.Stop()
	require.ErrorIs(t, <-failed, ErrStopped)
	require.ErrorIs(t, s.Err(), ErrStopped)
	_, err = hub.Subscribe(t.Context(), newJob(), "")
	require.ErrorIs(t, err, ErrStopped)
}

func TestChannelsAreGivenBackWithTheLastReader(t *testing.T) {
	t.Parallel()
	srv := startRedis(t)
	rdb := srv.client()
	hub := startHub(t, srv.client(), Config{})
	job := newJob()
	one, two := subscribe(t, hub, job, ""), subscribe(t, hub, job, "")
	one.Close()
	channels := func() []string { return rdb.PubSubChannels(t.Context(), "rohrpost:stream:*").Val() }
	require.Equal(t, []string{job.String()}, channels())
	two.Close()
	require.Eventually(t, func() bool { return len(channels()) == 0 }, patience, 5*time.Millisecond)
	for range 200 { // come and go faster than the connection is told
		subscribe(t, hub, job, "").Close()
	}
	s := subscribe(t, hub, job, "")
	appendNumbers(t, New(rdb, Config{}), job, 1, 1)
	wantNumbers(t, s, 1, 1)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func canceled(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
