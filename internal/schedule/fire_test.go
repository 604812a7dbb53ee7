package schedule_test

import (
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/schedule"
)

func TestThreeSchedulersOfWhichOneDiesEveryFewSecondsMissAndDoubleNothing(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(schedule.Spec{Name: "every-second", Cron: "* * * * * *", Zone: "UTC", Kind: bell.Name, CatchUp: schedule.CatchUpSkip})
	// PostgreSQL cuts the connection of a scheduler that is to die, as the kernel does for a killed process: in the middle
	// of its transaction, when the job is written and the tick isn't, or when both are and only the commit is to come.
	w.exec(`CREATE TABLE doomed (name text, at text)`)
	w.exec(`CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF EXISTS (SELECT FROM doomed WHERE name = current_setting('application_name') AND at = TG_TABLE_NAME) THEN
			PERFORM pg_terminate_backend(pg_backend_pid());
		END IF;
		RETURN NULL;
	END $$`)
	for _, table := range []string{"jobs", "schedules"} {
		w.exec(`CREATE TRIGGER die AFTER INSERT OR UPDATE ON ` + table + ` FOR EACH ROW EXECUTE FUNCTION die()`)
	}
	const count, seconds = 3, 200
	var schedulers [count]*schedule.Service
	for i := range schedulers {
		u, err := url.Parse(w.url)
		require.NoError(t, err)
		q := u.Query()
		q.Set("application_name", fmt.Sprint("scheduler-", i))
		u.RawQuery = q.Encode()
		schedulers[i] = w.scheduler(w.open(u.String()))
	}

	dead, deaths := -1, 0
	for second := 1; second <= seconds; second++ {
		w.set(noon.Add(time.Duration(second) * time.Second))
		if second%3 == 0 {
			dead = deaths % count
			w.exec(`INSERT INTO doomed VALUES ($1, $2)`, fmt.Sprint("scheduler-", dead), []string{"jobs", "schedules"}[deaths%2])
			_, err := schedulers[dead].Fire(t.Context())
			require.Error(t, err, "it should have died")
			w.exec(`DELETE FROM doomed`)
			deaths++
		}
		var wg sync.WaitGroup
		for i, s := range schedulers {
			if i != dead || second%3 == 2 { // it is back two seconds later
				wg.Go(func() {
					for due := true; due; { // one that another has in hand, also a dead one, is looked at again
						wait, err := s.Fire(t.Context())
						assert.NoError(t, err)
						due = err == nil && wait <= 0
					}
				})
			}
		}
		wg.Wait()
	}

	ticks := w.ticks("every-second")
	require.Len(t, ticks, seconds)
	for i, tick := range ticks {
		require.Equal(t, noon.Add(time.Duration(i+1)*time.Second), tick)
	}
	require.Equal(t, seconds, w.count(`SELECT count(DISTINCT unique_key) FROM jobs`))
	require.Equal(t, seconds, w.count(`SELECT count(*) FROM jobs`))
	require.Zero(t, w.count(`SELECT count(*) FROM schedule_ticks WHERE fired_at <> tick`), "ticks that were late")
	require.Equal(t, seconds/3, deaths)
}

func TestAGapOfTenMinutes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		catchUp string
		back    time.Duration // after noon
		ticks   []time.Time
	}{
		{schedule.CatchUpSkip, 10*time.Minute + 30*time.Second, minutes(1)},
		{schedule.CatchUpOnce, 10*time.Minute + 30*time.Second, minutes(1, 10)},
		{schedule.CatchUpAll, 10*time.Minute + 30*time.Second, minutes(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)},
		// The last one isn't missed but only a little late.
		{schedule.CatchUpSkip, 10*time.Minute + 4*time.Second, minutes(1, 10)},
		{schedule.CatchUpOnce, 10*time.Minute + 4*time.Second, minutes(1, 10)},
		{schedule.CatchUpAll, 10*time.Minute + 4*time.Second, minutes(1, 2, 3, 4, 5, 6, 7, 8, 9, 10)},
	} {
		t.Run(fmt.Sprint(c.catchUp, " after ", c.back), func(t *testing.T) {
			t.Parallel()
			w := build(t)
			w.create(everyMinute("bell", c.catchUp))
			w.at(noon.Add(time.Minute))
			require.Equal(t, minutes(1), w.ticks("bell"))

			w.at(noon.Add(c.back))
			require.Equal(t, c.ticks, w.ticks("bell"))
			w.at(noon.Add(c.back))
			require.Equal(t, c.ticks, w.ticks("bell"), "nothing is made up for twice")

			w.at(noon.Add(11 * time.Minute))
			require.Equal(t, append(c.ticks, minutes(11)...), w.ticks("bell"), "it goes on as if nothing had been")
		})
	}
}

func TestAGapThatIsTooLongToMakeUpForAllOfIt(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(schedule.Spec{Name: "bell", Cron: "* * * * * *", Zone: "UTC", Kind: bell.Name, CatchUp: schedule.CatchUpAll})
	back := noon.Add(30 * 24 * time.Hour)
	w.at(back)
	ticks := w.ticks("bell")
	require.Len(t, ticks, schedule.MostMissed)
	require.Equal(t, back, ticks[len(ticks)-1])
	require.Equal(t, back.Add(-(schedule.MostMissed-1)*time.Second), ticks[0])
}

func TestFireSaysHowLongItIsToTheNextTick(t *testing.T) {
	t.Parallel()
	w := build(t)
	wait, err := w.Fire(t.Context())
	require.NoError(t, err)
	require.Equal(t, time.Hour, wait.Round(time.Millisecond), "with nothing to wait for")
	w.create(everyMinute("bell", schedule.CatchUpOnce))
	w.set(noon.Add(40 * time.Second))
	wait, err = w.Fire(t.Context())
	require.NoError(t, err)
	require.Equal(t, 20*time.Second, wait.Round(time.Millisecond))
}

func TestAClockThatGoesBackDoublesNothing(t *testing.T) {
	t.Parallel()
	w := build(t)
	w.create(everyMinute("bell", schedule.CatchUpAll))
	w.at(noon.Add(3 * time.Minute))
	w.exec(`UPDATE schedules SET next_at = $1`, noon.Add(time.Minute))
	w.at(noon.Add(4 * time.Minute))
	require.Equal(t, minutes(1, 2, 3, 4), w.ticks("bell"))
	require.Equal(t, 4, w.count(`SELECT count(*) FROM jobs`))
}

func TestWhatAnotherReleaseStored(t *testing.T) {
	t.Parallel()
	w := build(t)
	for _, name := range []string{"args", "cron", "good", "kind"} {
		w.create(everyMinute(name, schedule.CatchUpOnce))
	}
	w.exec(`UPDATE schedules SET args = '{"sound": "dong"}' WHERE name = 'args'`)
	w.exec(`UPDATE schedules SET cron = 'now and then' WHERE name = 'cron'`)
	w.exec(`UPDATE schedules SET kind = 'test:carillon' WHERE name = 'kind'`)
	w.at(noon.Add(time.Minute))

	require.Equal(t, minutes(1), w.ticks("good"), "the others keep nobody")
	args := w.get("args")
	require.Contains(t, *args.Trouble, `unknown field "sound"`)
	require.Nil(t, args.Last)
	require.Equal(t, minutes(2)[0], args.Next[0])
	cron := w.get("cron")
	require.True(t, cron.Paused)
	require.Contains(t, *cron.Trouble, "can't be read")
	require.Equal(t, minutes(1)[0], w.get("kind").NextAt.UTC(), "waits for a scheduler that knows the kind")

	w.exec(`UPDATE schedules SET args = '{}' WHERE name = 'args'`)
	w.at(noon.Add(2 * time.Minute))
	require.Nil(t, w.get("args").Trouble)
	require.Equal(t, minutes(2), w.ticks("args"))
}
