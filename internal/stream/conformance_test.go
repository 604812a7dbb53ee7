package stream

import (
	"encoding/json"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// TestConformance runs the same stories on the real Redis and on the embedded stand-in.
func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		conform(t, startRedis(t).client(), 300) // real trimming goes by nodes of 100 entries
	})
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		rdb := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
		t.Cleanup(func() { _ = rdb.Close() })
		conform(t, rdb, 60)
	})
}

func conform(t *testing.T, rdb redis.UniversalClient, long int) {
	log := New(rdb, Config{})
	hub := startHub(t, rdb, Config{})

	t.Run("given a log, a new reader gets it from the start and then live to the end", func(t *testing.T) {
		job := newJob()
		appendNumbers(t, log, job, 1, 5)
		s := subscribe(t, hub, job, "")
		wantNumbers(t, s, 1, 5)
		appendNumbers(t, log, job, 6, 8)
		wantNumbers(t, s, 6, 8)
		require.NoError(t, log.Append(t.Context(), 0, end(job)))
		last := next(t, s)
		require.True(t, last.End)
		wantEnd(t, s)

		wantEnd(t, subscribe(t, hub, job, last.ID)) // resumed after the end: nothing, and at once
	})
	t.Run("given an empty log, a reader waits", func(t *testing.T) {
		job := newJob()
		s := subscribe(t, hub, job, "")
		appendNumbers(t, log, job, 1, 2)
		wantNumbers(t, s, 1, 2)
	})
	t.Run("a reader from now gets only what is new", func(t *testing.T) {
		user := User(uuid.New())
		appendNumbers(t, log, user, 1, 3)
		s := subscribe(t, hub, user, FromNow)
		appendNumbers(t, log, user, 4, 5)
		wantNumbers(t, s, 4, 5)
	})
	t.Run("trimmed past the id: reload, then what is there", func(t *testing.T) {
		job := newJob()
		short := New(rdb, Config{MaxLen: 20})
		s := subscribe(t, hub, job, "")
		appendNumbers(t, log, job, 1, 2)
		id := wantNumbers(t, s, 1, 2).ID
		appendNumbers(t, short, job, 3, long)
		s = subscribe(t, hub, job, id)
		wantReload(t, s)
		first := numberOf(t, next(t, s))
		require.Greater(t, first, 3)
		wantNumbers(t, s, first+1, long)

		fromStart := subscribe(t, hub, job, "")
		again := wantReload(t, fromStart) // its beginning is missing
		wantNumbers(t, fromStart, first, long)
		wantNumbers(t, subscribe(t, hub, job, again.ID), first, long) // a reload's id resumes without another
	})
	t.Run("a stale epoch is refused, in the user's stream too, and other jobs are not", func(t *testing.T) {
		job, other, user := newJob(), newJob(), User(uuid.New())
		both := func(key Key, n int) []Entry { return []Entry{number(key, n), number(user, n)} }
		require.NoError(t, log.Append(t.Context(), 1, both(job, 1)...))
		require.NoError(t, log.Append(t.Context(), 3, both(job, 2)...))
		require.ErrorIs(t, log.Append(t.Context(), 2, both(job, 99)...), ErrFenced)
		require.NoError(t, log.Append(t.Context(), 1, both(other, 3)...))
		require.NoError(t, log.Append(t.Context(), 3, both(job, 4)...))
		s := subscribe(t, hub, user, "")
		wantNumbers(t, s, 1, 4)
		wantNothing(t, log, s)
	})
	t.Run("an ended stream is closed until a higher epoch begins it anew", func(t *testing.T) {
		job := newJob()
		require.NoError(t, log.Append(t.Context(), 1, number(job, 1), end(job)))
		s := subscribe(t, hub, job, "")
		wantNumbers(t, s, 1, 1)
		last := next(t, s)
		require.ErrorIs(t, log.Append(t.Context(), 1, number(job, 2)), ErrEnded)
		require.ErrorIs(t, log.Append(t.Context(), 0, number(job, 2)), ErrEnded)
		require.NoError(t, log.Append(t.Context(), 2, number(job, 7)))
		wantNumbers(t, subscribe(t, hub, job, ""), 7, 7)
		s = subscribe(t, hub, job, last.ID)
		wantReload(t, s)
		wantNumbers(t, s, 7, 7)
	})
	t.Run("a job that has ended says nothing more in its user's stream either, until it is rerun", func(t *testing.T) {
		job, other, user := newJob(), newJob(), User(uuid.New())
		say := func(key Key, epoch int64, n int, last bool) error {
			return log.Append(t.Context(), epoch, Entry{Key: key, Type: TypeToken, Data: number(key, n).Data, End: last},
				number(user, n))
		}
		require.NoError(t, say(job, 1, 1, false))
		require.NoError(t, say(job, 1, 2, true))
		require.ErrorIs(t, say(job, 1, 98, false), ErrEnded)
		require.ErrorIs(t, say(job, 1, 99, true), ErrEnded)
		require.NoError(t, say(other, 1, 3, false))
		require.NoError(t, say(job, 2, 4, false))
		require.ErrorIs(t, say(job, 1, 99, false), ErrFenced)
		s := subscribe(t, hub, user, "")
		wantNumbers(t, s, 1, 4)
		wantNothing(t, log, s)
	})
	t.Run("an append whose answer was lost is not written twice", func(t *testing.T) {
		job := newJob()
		parts, err := log.parts(0, []Entry{number(job, 1), number(job, 2)})
		require.NoError(t, err)
		require.NoError(t, log.run(t.Context(), parts))
		appendNumbers(t, log, job, 3, 150) // beyond one page of the search
		parts[0].done = false              // as if the answer hadn't come
		require.NoError(t, log.run(t.Context(), parts))
		s := subscribe(t, hub, job, "")
		wantNumbers(t, s, 1, 150)
		wantNothing(t, log, s)
	})
	t.Run("malformed ids and entries are refused", func(t *testing.T) {
		for _, id := range []string{"x", "1", "-", "1-", "-1", "1-2-3", "+1-2", "0-1", "1-99999999999999999999999", "1-\n"} {
			_, err := hub.Subscribe(t.Context(), newJob(), id)
			require.ErrorIs(t, err, ErrBadID, id)
		}
		for _, e := range []Entry{
			{Type: TypeState, Data: json.RawMessage(`1`)},
			{Key: newJob(), Type: "", Data: json.RawMessage(`1`)},
			{Key: newJob(), Type: "a b", Data: json.RawMessage(`1`)},
			{Key: newJob(), Type: TypeReload, Data: json.RawMessage(`1`)},
			{Key: newJob(), Type: TypeState, Data: json.RawMessage(`{`)},
			{Key: newJob(), Type: TypeState},
		} {
			require.ErrorIs(t, log.Append(t.Context(), 0, e), ErrBadEntry)
		}
		require.ErrorIs(t, log.Append(t.Context(), 1, number(User(uuid.New()), 1)), ErrBadEntry)
	})
}
