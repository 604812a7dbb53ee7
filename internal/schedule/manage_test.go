package schedule_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/schedule"
)

func (w *tower) change(name string, change schedule.Change) (schedule.Schedule, error) {
	return within(w, func(tx pgx.Tx) (schedule.Schedule, error) { return w.Change(w.t.Context(), tx, by, name, change) })
}

func (w *tower) pause(name string) (schedule.Schedule, error) {
	return within(w, func(tx pgx.Tx) (schedule.Schedule, error) { return w.Pause(w.t.Context(), tx, by, name) })
}

func (w *tower) resume(name string) (schedule.Schedule, error) {
	return within(w, func(tx pgx.Tx) (schedule.Schedule, error) { return w.Resume(w.t.Context(), tx, by, name) })
}

func (w *tower) runNow(name string) (queue.Record, error) {
	return within(w, func(tx pgx.Tx) (queue.Record, error) { return w.RunNow(w.t.Context(), tx, by, name) })
}

func (w *tower) delete(name string) error {
	_, err := within(w, func(tx pgx.Tx) (any, error) { return nil, w.Delete(w.t.Context(), tx, by, name) })
	return err
}

// by is who does it.
var by = audit.User(admin)

func ptr[T any](v T) *T { return &v }

func TestAScheduleShowsWhatIsNextAndWhatWasLast(t *testing.T) {
	t.Parallel()
	w := build(t)
	made := w.create(schedule.Spec{Name: "bell", Cron: "0 6 * * *", Zone: "Europe/Berlin", Kind: bell.Name})
	require.Equal(t, schedule.CatchUpOnce, made.CatchUp)
	require.JSONEq(t, `{"times": 0}`, string(made.Args))
	require.Len(t, made.Next, 5)
	require.Equal(t, time.Date(2026, 6, 2, 4, 0, 0, 0, time.UTC), made.Next[0])
	require.Nil(t, made.Last)

	w.at(made.Next[0])
	found := w.get("bell")
	require.Equal(t, made.Next[1], found.Next[0])
	require.Equal(t, made.Next[0], found.Last.Tick.UTC())
	require.Equal(t, queue.Queued, *found.Last.State)
	require.False(t, found.Last.Manual)
	w.at(made.Next[1])
	all, err := w.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, made.Next[1], all[0].Last.Tick.UTC())

	runs, err := w.Runs(t.Context(), "bell", time.Time{}, 10)
	require.NoError(t, err)
	require.Len(t, runs, 2)
	require.Equal(t, made.Next[1], runs[0].Tick.UTC())
	runs, err = w.Runs(t.Context(), "bell", runs[0].Tick, 10)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.Equal(t, made.Next[0], runs[0].Tick.UTC())
	w.exec(`DELETE FROM jobs`)
	require.Nil(t, w.get("bell").Last.State, "the record of the job was swept")
}

func TestTheJobSaysWhyItExists(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(everyMinute("bell", schedule.CatchUpOnce))
	w.at(noon.Add(time.Minute))
	var key, args string
	var owner uuid.UUID
	require.NoError(t, w.pool.QueryRow(t.Context(), `SELECT unique_key, args, owner FROM jobs`).Scan(&key, &args, &owner))
	require.Equal(t, "bell/2026-06-01T12:01:00Z", key)
	require.JSONEq(t, `{"times": 3}`, args)
	require.Equal(t, queue.System, owner)
}

func TestWhatIsNoScheduleIsRefusedAndChangesNothing(t *testing.T) {
	t.Parallel()
	w := build(t)
	for says, spoil := range map[string]func(*schedule.Spec){
		"lower-case letters":        func(s *schedule.Spec) { s.Name = "Big Ben" },
		"up to 63":                  func(s *schedule.Spec) { s.Name = "" },
		"can't be read":             func(s *schedule.Spec) { s.Cron = "now" },
		"no time zone":              func(s *schedule.Spec) { s.Zone = "Mars/Base" },
		"can't be scheduled":        func(s *schedule.Spec) { s.Kind = "file:scan" },
		"catch-up is one of":        func(s *schedule.Spec) { s.CatchUp = "perhaps" },
		`unknown field "volume"`:    func(s *schedule.Spec) { s.Args = json.RawMessage(`{"volume": 1}`) },
		"times can't be a string":   func(s *schedule.Spec) { s.Args = json.RawMessage(`{"times": "x"}`) },
		"have to be a JSON object":  func(s *schedule.Spec) { s.Args = json.RawMessage(`[]`) },
		"they are no JSON":          func(s *schedule.Spec) { s.Args = json.RawMessage(`{`) },
		"one JSON object":           func(s *schedule.Spec) { s.Args = json.RawMessage(`{} {}`) },
		"ring less than not at all": func(s *schedule.Spec) { s.Args = json.RawMessage(`{"times": -1}`) },
	} {
		spec := everyMinute("bell", schedule.CatchUpOnce)
		spoil(&spec)
		_, err := within(w, func(tx pgx.Tx) (schedule.Schedule, error) { return w.Create(t.Context(), tx, by, spec) })
		require.Equal(t, fault.Invalid, fault.CodeOf(err), says)
		require.ErrorContains(t, err, says)
	}
	require.Zero(t, w.count(`SELECT count(*) FROM schedules`))

	was := w.create(everyMinute("bell", schedule.CatchUpOnce))
	_, err := within(w, func(tx pgx.Tx) (schedule.Schedule, error) {
		return w.Create(t.Context(), tx, by, everyMinute("bell", schedule.CatchUpAll))
	})
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	for _, change := range []schedule.Change{
		{Cron: ptr("now")}, {Zone: ptr("Local")}, {CatchUp: ptr("")}, {Args: json.RawMessage(`{"volume": 1}`)},
	} {
		if _, err := w.change("bell", change); change.CatchUp == nil {
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
		}
	}
	is := w.get("bell")
	require.Equal(t, was.Cron, is.Cron)
	require.Equal(t, was.Args, is.Args)
}

func TestUnknownSchedules(t *testing.T) {
	t.Parallel()
	w := build(t)
	_, get := w.Get(t.Context(), "none")
	_, runs := w.Runs(t.Context(), "none", time.Time{}, 1)
	_, change := w.change("none", schedule.Change{})
	_, pause := w.pause("none")
	_, resume := w.resume("none")
	_, run := w.runNow("none")
	for _, err := range []error{get, runs, change, pause, resume, run, w.delete("none")} {
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
	}
}

func TestAPausedScheduleStartsNothingAndMakesUpForNothing(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(everyMinute("bell", schedule.CatchUpAll))
	w.at(noon.Add(time.Minute))
	for range 2 {
		paused, err := w.pause("bell")
		require.NoError(t, err)
		require.True(t, paused.Paused)
		require.Empty(t, paused.Next)
	}
	w.at(noon.Add(5 * time.Minute))
	require.Equal(t, minutes(1), w.ticks("bell"))
	for range 2 {
		resumed, err := w.resume("bell")
		require.NoError(t, err)
		require.Equal(t, minutes(6)[0], resumed.Next[0])
	}
	w.at(noon.Add(6 * time.Minute))
	require.Equal(t, minutes(1, 6), w.ticks("bell"))
}

func TestResumingAScheduleThatIsNotPausedForgetsNoMissedTick(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(everyMinute("bell", schedule.CatchUpAll))
	w.set(noon.Add(3 * time.Minute))
	_, err := w.resume("bell")
	require.NoError(t, err)
	w.at(noon.Add(3 * time.Minute))
	require.Equal(t, minutes(1, 2, 3), w.ticks("bell"))
}

func TestAChangedScheduleGoesByItsNewTimetable(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(everyMinute("bell", schedule.CatchUpAll))
	w.set(noon.Add(90 * time.Second))
	changed, err := w.change("bell", schedule.Change{Cron: ptr("*/10 * * * *"), Args: json.RawMessage(`{"times": 7}`)})
	require.NoError(t, err)
	require.Equal(t, minutes(10)[0], changed.Next[0])
	require.JSONEq(t, `{"times": 7}`, string(changed.Args))
	require.Equal(t, schedule.CatchUpAll, changed.CatchUp)
	w.at(noon.Add(10 * time.Minute))
	require.Equal(t, minutes(10), w.ticks("bell"))

	changed, err = w.change("bell", schedule.Change{CatchUp: ptr(schedule.CatchUpSkip)})
	require.NoError(t, err)
	require.Equal(t, minutes(20)[0], changed.Next[0], "its ticks stay")
}

func TestRunNow(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(everyMinute("bell", schedule.CatchUpOnce))
	_, err := w.pause("bell")
	require.NoError(t, err)
	w.set(noon.Add(30 * time.Second))
	job, err := w.runNow("bell")
	require.NoError(t, err)
	require.Equal(t, admin, job.Owner)
	require.JSONEq(t, `{"times": 3}`, string(job.Args))
	found := w.get("bell")
	require.True(t, found.Paused)
	require.True(t, found.Last.Manual)
	require.Equal(t, job.ID, found.Last.JobID)
	require.Equal(t, noon.Add(30*time.Second), found.Last.Tick.UTC())

	_, err = w.resume("bell")
	require.NoError(t, err)
	w.at(noon.Add(time.Minute))
	require.Equal(t, minutes(1)[0], w.ticks("bell")[1], "its ticks come as before")
}

func TestWhoDidWhatToASchedule(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(everyMinute("bell", schedule.CatchUpOnce))
	_, err := w.pause("bell")
	require.NoError(t, err)
	_, err = w.change("bell", schedule.Change{Cron: ptr("0 3 * * *")})
	require.NoError(t, err)
	_, err = w.change("bell", schedule.Change{Cron: ptr("0 99 * * *")})
	require.Error(t, err)
	_, err = w.resume("bell")
	require.NoError(t, err)
	job, err := w.runNow("bell")
	require.NoError(t, err)
	require.NoError(t, w.delete("bell"))
	target := "bell"
	entries, err := audit.List(t.Context(), w.pool, audit.Filter{Target: &target, Limit: 10})
	require.NoError(t, err)
	var actions []string
	for _, e := range entries {
		actions = append(actions, e.Action)
		require.Equal(t, admin, *e.Actor)
	}
	require.Equal(t, []string{"schedule.delete", "schedule.run", "schedule.resume", "schedule.change", "schedule.pause",
		"schedule.create"}, actions)
	require.Contains(t, string(entries[1].Detail), job.ID.String())
	require.Contains(t, string(entries[3].Detail), `"0 3 * * *"`)
}

func TestBuiltinSchedules(t *testing.T) {
	t.Parallel()
	w := build(t)
	release := func(specs ...schedule.Spec) {
		t.Helper()
		require.NoError(t, w.Seed(t.Context(), specs))
	}
	own := w.create(everyMinute("own", schedule.CatchUpOnce))
	first, second := everyMinute("first", schedule.CatchUpAll), everyMinute("second", schedule.CatchUpAll)
	release(first, second, schedule.Spec{Name: "own", Cron: "@daily", Zone: "UTC", Kind: bell.Name})
	require.Equal(t, own.Cron, w.get("own").Cron, "somebody made it, and nobody takes it from them")
	require.True(t, w.get("first").Builtin)

	w.set(noon.Add(3 * time.Minute))
	release(first, second)
	require.Equal(t, minutes(1)[0], w.get("first").NextAt.UTC(), "a restart forgets no missed tick")

	_, err := w.change("second", schedule.Change{Cron: ptr("*/5 * * * *")})
	require.NoError(t, err)
	_, err = w.pause("first")
	require.NoError(t, err)
	first.Cron, second.Cron = "0 3 * * *", "0 4 * * *"
	release(first, second)
	require.Equal(t, "0 3 * * *", w.get("first").Cron)
	require.True(t, w.get("first").Paused)
	require.Equal(t, "*/5 * * * *", w.get("second").Cron, "somebody changed it")

	require.Equal(t, fault.Conflict, fault.CodeOf(w.delete("first")))
	require.NoError(t, w.delete("own"))
	_, err = w.Get(t.Context(), "own")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))

	first.Cron = "never"
	require.Equal(t, fault.Invalid, fault.CodeOf(w.Seed(t.Context(), []schedule.Spec{first})))
}
