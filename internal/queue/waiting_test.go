package queue_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

func (p *place) waiting(e *queue.Engine, id uuid.UUID) *queue.Waiting {
	p.t.Helper()
	w, err := e.Waiting(p.t.Context(), p.job(id))
	require.NoError(p.t, err)
	return w
}

// force puts a worker there that serves "q" and lives for this test.
func (p *place) force(slots int) {
	p.t.Helper()
	p.exec(`INSERT INTO workers (id, host, pid, queues, concurrency, heartbeat_at)
		VALUES (gen_random_uuid(), 'host', 1, '{"q": 1}', $1, now() + interval '1 hour')`, slots)
}

func TestAJobTellsWhyItWaits(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	job := enqueue(p, echo)
	w := p.waiting(e, job.ID)
	require.Equal(t, queue.WaitNoWorker, w.Cause)
	require.Equal(t, job.RunAt, w.Since)
	require.Equal(t, "No living worker serves the queue q.", w.Detail)
	require.Nil(t, w.Start)

	later := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	delayed := enqueue(p, echo, queue.At(later))
	w = p.waiting(e, delayed.ID)
	require.Equal(t, queue.WaitScheduled, w.Cause)
	require.Equal(t, delayed.CreatedAt, w.Since)
	require.True(t, later.Equal(*w.Start))

	p.pause(e)
	for _, id := range []uuid.UUID{job.ID, delayed.ID} {
		require.Equal(t, queue.WaitPaused, p.waiting(e, id).Cause)
		require.Equal(t, "The queue q is paused.", p.waiting(e, id).Detail)
	}
	p.resume(e)

	p.force(1)
	require.Equal(t, queue.WaitStarting, p.waiting(e, job.ID).Cause)
	p.exec(`UPDATE jobs SET state = 'running', worker_id = (SELECT id FROM workers) WHERE id = $1`, job.ID)
	require.Nil(t, p.waiting(e, job.ID), "it does not wait")
	next := enqueue(p, echo)
	w = p.waiting(e, next.ID)
	require.Equal(t, queue.WaitBacklog, w.Cause)
	require.Equal(t, &queue.Line{}, w.Line)
	require.Equal(t, "The workers of the queue q are busy; it is the next.", w.Detail)
	require.Nil(t, w.Start, "nothing has ended that would tell")

	p.exec(`UPDATE workers SET heartbeat_at = now() - interval '1 minute'`)
	require.Equal(t, queue.WaitNoWorker, p.waiting(e, next.ID).Cause, "the worker is dead, though nobody has noticed")
}

func TestAFailedAttemptAndASnoozeTellWhenTheNextOneIsDue(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	slow := quick
	slow.RetryBase, slow.RetryCap = time.Hour, time.Hour
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
		if job.Record().LimitKey == "snooze" {
			return nil, queue.Snooze(time.Hour)
		}
		return nil, fault.New(fault.Unavailable, "It is away.")
	})
	e := p.engine(slow)
	p.worker(e, queue.RunnerConfig{}, mux)
	waits := func(opts ...queue.Option) (job db.Job, w *queue.Waiting) {
		id := enqueue(p, echo, opts...).ID
		p.eventually(func() bool {
			job = p.job(id)
			return job.State == queue.Queued && job.StartedAt != nil && job.RunAt.After(time.Now())
		}, "it should wait for its next attempt")
		return job, p.waiting(e, id)
	}
	job, w := waits()
	require.Equal(t, queue.WaitRetry, w.Cause)
	require.Equal(t, *job.StartedAt, w.Since)
	require.Equal(t, job.RunAt, *w.Start)
	require.Equal(t, fmt.Sprintf("Attempt 1 of 3 failed (unavailable); the next one is due at %s.",
		job.RunAt.UTC().Format(time.RFC3339)), w.Detail)

	job, w = waits(queue.LimitKey("snooze"))
	require.Equal(t, queue.WaitScheduled, w.Cause)
	require.Equal(t, "It waits for something else and looks again at "+job.RunAt.UTC().Format(time.RFC3339)+".", w.Detail)
}

func TestAJobAtItsLimitTellsWhose(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind queue.Kind[note]
		key  string
		says string
	}{
		"a model's": {queue.Kind[note]{Name: "test:key", Queue: "q", PerKey: 1}, "tiny",
			"1 of at most 1 jobs of this kind for tiny run at once; one job is before it."},
		"an owner's": {queue.Kind[note]{Name: "test:owner", Queue: "q", PerOwner: 1}, "",
			"1 of at most 1 jobs of this kind and owner run at once; one job is before it."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			e := p.engine(quick)
			owner := uuid.New()
			var last queue.Record
			require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) (err error) {
				for range 3 {
					last, err = queue.Enqueue(t.Context(), tx, c.kind, note{}, queue.By(owner), queue.LimitKey(c.key))
					if err != nil {
						return err
					}
				}
				return nil
			}))
			p.force(4)
			p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE parked`) == 2 }, "two should wait")
			p.exec(`UPDATE jobs SET state = 'running', worker_id = (SELECT id FROM workers) WHERE NOT parked`)
			w := p.waiting(e, last.ID)
			require.Equal(t, queue.WaitLimit, w.Cause)
			require.Equal(t, c.says, w.Detail)
			require.EqualValues(t, 1, w.Line.Ahead)
			require.Nil(t, w.Start)

			// Such jobs took 10 s each lately.
			p.exec(`INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, started_at, finished_at)
				SELECT gen_random_uuid(), $1, 'q', '{}', 'succeeded', 1, $2, now() - interval '20 s', now() - interval '10 s'
				FROM generate_series(1, 3)`, c.kind.Name, owner)
			until := time.Until(*p.waiting(e, last.ID).Start)
			require.InDelta(t, 15, until.Seconds(), 3, "half of the one that runs, and the one before it")
		})
	}
}

func TestAnEstimateFollowsThePaceOfTheQueue(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	p.force(2)
	enqueueMany(p, echo, 102)
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE dispatched_at IS NOT NULL`) == 64 }, "as many fit into Redis")
	p.exec(`UPDATE jobs SET run_at = now() - interval '1 hour'`)
	p.exec(`UPDATE jobs SET state = 'running', worker_id = (SELECT id FROM workers) WHERE id IN (SELECT id FROM jobs ORDER BY id LIMIT 2)`)
	var last uuid.UUID
	require.NoError(t, p.pool.QueryRow(t.Context(), `SELECT id FROM jobs ORDER BY id DESC LIMIT 1`).Scan(&last))
	require.Nil(t, p.job(last).DispatchedAt)

	ended := func(n int, took string) {
		p.exec(`INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, started_at, finished_at)
			SELECT gen_random_uuid(), $1, 'q', '{}', 'succeeded', 1, gen_random_uuid(), now() - $3::text::interval, now()
			FROM generate_series(1, $2)`, echo.Name, n, took)
	}
	ended(1, "4 s") // too few for a rate: two run at once, and each takes 4 s
	w := p.waiting(e, last)
	require.EqualValues(t, 99, w.Line.Ahead)
	require.InDelta(t, 200, time.Until(*w.Start).Seconds(), 3)
	ended(149, "1 s") // 150 in the 5 minutes that are looked back on
	require.InDelta(t, 200, time.Until(*p.waiting(e, last).Start).Seconds(), 3)
	ended(150, "1 s") // 300, of which the newest 200 tell; they all ended just now
	require.Less(t, time.Until(*p.waiting(e, last).Start).Seconds(), 100.0)
}

// backlog puts jobs of several owners in line, none of them handed to Redis, and returns their ids.
func (p *place) backlog(rng *rand.Rand, parked bool) (ids []uuid.UUID) {
	p.t.Helper()
	for range 7 {
		owner := uuid.New()
		for range 1 + rng.IntN(12) {
			id := uuid.Must(uuid.NewV7())
			p.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, run_at, parked, limit_key, key_limit)
				VALUES ($1, 'test:line', 'q', '{}', 1, $2, now() - make_interval(secs => $3), $4, 'key', CASE WHEN $4 THEN 1 END)`,
				id, owner, float64(1+rng.IntN(5)), parked)
			ids = append(ids, id)
		}
	}
	return ids
}

// undone runs fn in a transaction that leaves nothing.
func (p *place) undone(fn func(tx pgx.Tx)) {
	p.t.Helper()
	tx, err := p.pool.Begin(p.t.Context())
	require.NoError(p.t, err)
	defer tx.Rollback(context.Background())
	fn(tx)
}

func TestPlacesInLineAreTheOrderOfTheDispatcher(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	p.force(1)
	ids := p.backlog(rand.New(rand.NewPCG(1, 2)), false)
	ahead := map[uuid.UUID]int64{}
	for _, id := range ids {
		line := p.waiting(e, id).Line
		require.False(t, line.AtLeast)
		ahead[id] = line.Ahead
	}
	for room := range int64(len(ids)) {
		p.undone(func(tx pgx.Tx) {
			taken, err := db.New().DispatchJobs(t.Context(), tx, db.DispatchJobsParams{Queue: "q", Room: room, Without: []uuid.UUID{}})
			require.NoError(t, err)
			if room < 7 { // less room than owners: one of each will do
				return
			}
			require.Len(t, taken, int(room))
			for _, job := range taken {
				require.Less(t, ahead[job.ID], room, "it is among the first %d", room)
			}
		})
	}
}

func TestPlacesAtALimitAreTheOrderInWhichItGetsFree(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	p.force(1)
	ids := p.backlog(rand.New(rand.NewPCG(3, 4)), true)
	// Some of the owners have had a turn before.
	p.exec(`INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, limit_key, key_limit, started_at, finished_at)
		SELECT gen_random_uuid(), 'test:line', 'q', '{}', 'succeeded', 1, owner, 'key', 1, now() - random() * interval '1 minute', now()
		FROM (SELECT DISTINCT owner FROM jobs ORDER BY owner LIMIT 4) served`)
	want := map[uuid.UUID]int64{}
	for _, id := range ids {
		want[id] = p.waiting(e, id).Line.Ahead
	}
	got := map[uuid.UUID]int64{}
	p.undone(func(tx pgx.Tx) {
		for n := range int64(len(ids)) {
			next, err := db.New().UnparkJob(t.Context(), tx, "test:line")
			require.NoError(t, err)
			got[next.ID] = n
			_, err = tx.Exec(t.Context(),
				`UPDATE jobs SET state = 'succeeded', started_at = clock_timestamp(), finished_at = now() WHERE id = $1`, next.ID)
			require.NoError(t, err)
		}
	})
	require.Equal(t, got, want)
}

func TestAPlaceInALongLineCostsLittle(t *testing.T) {
	t.Parallel()
	const most = 10_000
	p := newPlace(t)
	pool, err := db.Open(t.Context(), db.Config{URL: p.url, MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	p.pool.Close()
	p.pool = pool // one session, so that what it read is counted and nothing else
	e := queue.NewEngine(pool, p.client(), nil, quick, p.logger(), nil)
	p.force(1)
	// 50,000 of fifty owners and as many of one; a newcomer behind all of them.
	p.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, run_at)
		SELECT gen_random_uuid(), 'k', 'q', '{}', 1, md5((n % 50)::text)::uuid, now() - interval '1 hour' + n * interval '1 ms'
		FROM generate_series(1, 50000) n`)
	p.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, run_at)
		SELECT gen_random_uuid(), 'k', 'q', '{}', 1, md5('hog')::uuid, now() - interval '1 hour' + n * interval '1 ms'
		FROM generate_series(1, 50000) n`)
	p.exec(`UPDATE jobs SET state = 'running', worker_id = (SELECT id FROM workers) WHERE id = (SELECT min(id::text)::uuid FROM jobs)`)
	p.exec(`ANALYZE jobs`)
	first := uuid.New()
	p.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner) VALUES ($1, 'k', 'q', '{}', 1, gen_random_uuid())`, first)
	var last, middle db.Job
	read := func(id string) (job db.Job) {
		var found uuid.UUID
		require.NoError(t, p.pool.QueryRow(t.Context(), id).Scan(&found))
		return p.job(found)
	}
	last = read(`SELECT id FROM jobs WHERE owner = md5('hog')::uuid ORDER BY run_at DESC LIMIT 1`)
	middle = read(`SELECT id FROM jobs WHERE owner = md5('hog')::uuid AND state = 'queued' ORDER BY run_at OFFSET 100 LIMIT 1`)

	// What a session read of the table and its indexes.
	rows := func() (n int64) {
		_, err := pool.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`)
		require.NoError(t, err)
		require.NoError(t, p.pool.QueryRow(t.Context(), `SELECT seq_tup_read + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes
			WHERE relname = 'jobs')::bigint FROM pg_stat_user_tables WHERE relname = 'jobs'`).Scan(&n))
		return n
	}
	for name, c := range map[string]struct {
		job   db.Job
		ahead int64
		more  bool
		reads int64
	}{
		"a newcomer":                {p.job(first), 51, false, 1000},
		"one in the middle":         {middle, 0, false, 8 * most},
		"the last of a long column": {last, most, true, 8 * most},
	} {
		var w *queue.Waiting
		for range 8 { // also with the plan that PostgreSQL keeps after five
			before := rows()
			began := time.Now()
			w, err = e.Waiting(t.Context(), c.job)
			require.NoError(t, err)
			took := time.Since(began)
			cost := rows() - before
			t.Logf("%s: %+v, %d rows read in %.1f ms", name, *w.Line, cost, float64(took.Microseconds())/1000)
			require.LessOrEqual(t, cost, c.reads, name)
		}
		require.Equal(t, queue.WaitBacklog, w.Cause)
		require.Equal(t, c.more, w.Line.AtLeast, name)
		if c.ahead > 0 {
			require.Equal(t, c.ahead, w.Line.Ahead, name)
		} else {
			require.InDelta(t, 100*51, w.Line.Ahead, 51, name)
		}
	}
}
