package cleanup_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/cleanup"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func TestAnAgeUnderItsFloorIsAMistake(t *testing.T) {
	t.Parallel()
	for says, cfg := range map[string]cleanup.Config{
		"CLEANUP_JOBS_AFTER is 23h0m0s, under its floor of 24h0m0s":            {Jobs: 23 * time.Hour},
		"CLEANUP_FAILED_JOBS_AFTER is 36h0m0s, under its floor of 168h0m0s":    {FailedJobs: 36 * time.Hour},
		"CLEANUP_TICKS_AFTER is 1ns, under its floor":                          {Ticks: 1},
		"CLEANUP_QUARANTINE_AFTER is 696h0m0s, under its floor of 720h0m0s":    {Quarantine: 29 * day},
		"CLEANUP_DATASETS_AFTER is 23h59m59s, under its floor of 24h0m0s":      {Datasets: day - time.Second},
		"CLEANUP_ORPHANS_AFTER is -1h0m0s, under its floor":                    {Orphans: -time.Hour},
		"CLEANUP_USAGE_HISTORY_AFTER is 720h0m0s, under its floor of 744h0m0s": {UsageHistory: 30 * day},
		"CLEANUP_MAILS_AFTER is 24h0m0s, under its floor of 168h0m0s":          {Mails: day},
	} {
		_, err := cleanup.New(cleanup.Deps{}, cfg)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), says)
		require.ErrorContains(t, err, says)
	}
	_, err := cleanup.New(cleanup.Deps{}, cleanup.Config{
		Jobs: day, FailedJobs: 7 * day, Ticks: 7 * day, Mails: 7 * day, Quarantine: 30 * day, Orphans: day,
	})
	require.NoError(t, err)
}

func TestEveryRuleHasAName(t *testing.T) {
	t.Parallel()
	var names []string
	for _, rule := range open(t, cleanup.Config{}).Rules() {
		names = append(names, rule.What)
	}
	require.Equal(t, tasks.Sweepable(), names)
}

func TestSessionsAndTokens(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	h.exec(`INSERT INTO sessions (id, user_id, expires_at) VALUES
		(gen_random_uuid(), $1, now() - interval '1 minute'), (gen_random_uuid(), $1, now() + interval '1 minute')`, h.owner)
	h.exec(`INSERT INTO refresh_tokens SELECT sha256('old'), id, now(), now() - interval '31 days'
		FROM sessions WHERE expires_at > now()`)
	h.exec(`INSERT INTO refresh_tokens SELECT sha256('new'), id, now(), now() - interval '29 days'
		FROM sessions WHERE expires_at > now()`)
	require.Equal(t, cleanup.Line{What: "sessions", Count: 1}, h.sweep(tasks.SweepSessions))
	require.Equal(t, cleanup.Line{What: "refresh_tokens", Count: 1}, h.sweep(tasks.SweepRefreshTokens))
	require.Equal(t, 1, h.count(`SELECT count(*) FROM sessions WHERE expires_at > now()`))
	require.Equal(t, 1, h.count(`SELECT count(*) FROM refresh_tokens WHERE token_hash = sha256('new')`))
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	h.exec(`INSERT INTO idempotency_keys (user_id, route, key, body_hash, created_at) VALUES
		($1, 'r', 'old', '', now() - interval '24 hours 1 second'), ($1, 'r', 'new', '', now() - interval '23 hours')`, h.owner)
	require.EqualValues(t, 1, h.sweep(tasks.SweepIdempotencyKeys).Count)
	require.Equal(t, []string{"new"}, h.names(`SELECT key FROM idempotency_keys`))
}

func TestEndedJobs(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{Jobs: 2 * day, FailedJobs: 10 * day})
	h.job("succeeded", queue.Succeeded, 2*day+time.Minute)
	h.job("cancelled", queue.Cancelled, 2*day+time.Minute)
	h.job("new", queue.Succeeded, 2*day-time.Minute)
	h.job("failed", queue.Failed, 10*day+time.Minute)
	h.job("failed lately", queue.Failed, 9*day)
	h.job("queued", queue.Queued, 0)
	h.job("running", queue.Running, 0)
	// A file whose scan failed can only be scanned by running that job again.
	failed, clean := h.upload("failed"), h.upload("clean")
	h.exec(`UPDATE files SET status = 'failed' WHERE id = $1`, failed.ID)
	h.exec(`UPDATE files SET status = 'clean' WHERE id = $1`, clean.ID)
	for job, kind := range map[any]string{failed.JobID: "named by a failed file", clean.JobID: "named by a clean file"} {
		h.exec(`UPDATE jobs SET kind = $2, state = 'failed', finished_at = now() - interval '100 days' WHERE id = $1`, job, kind)
	}

	require.EqualValues(t, 2, h.sweep(tasks.SweepJobs).Count)
	require.EqualValues(t, 2, h.sweep(tasks.SweepFailedJobs).Count)
	require.Equal(t, []string{"failed lately", "named by a failed file", "new", "queued", "running"},
		h.names(`SELECT kind FROM jobs ORDER BY kind`))
	require.NoError(t, h.files.Delete(t.Context(), h.owner, clean.ID), "the file does without its job")
}

func TestMoreThanABatch(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	h.exec(`INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, finished_at)
		SELECT gen_random_uuid(), 'k', 'q', '{}', 'succeeded', 1, $1, now() - interval '15 days'
		FROM generate_series(1, 2345)`, h.owner)
	require.EqualValues(t, 2345, h.sweep(tasks.SweepJobs).Count)
	require.Zero(t, h.count(`SELECT count(*) FROM jobs`))
}

func TestTicks(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{Ticks: 7 * day})
	h.exec(`INSERT INTO schedules (name, cron, zone, kind, catch_up, next_at) VALUES
		('daily', '@daily', 'UTC', 'k', 'once', now()), ('rare', '@yearly', 'UTC', 'k', 'once', now())`)
	h.exec(`INSERT INTO schedule_ticks (schedule, tick, job_id, fired_at)
		SELECT 'daily', t, gen_random_uuid(), t FROM generate_series(now() - interval '9 days 1 hour', now(), '1 day') t`)
	h.exec(`INSERT INTO schedule_ticks (schedule, tick, job_id, fired_at)
		SELECT 'rare', now() - t, gen_random_uuid(), now() - t FROM unnest(ARRAY[interval '800 days', '400 days']) t`)
	require.EqualValues(t, 3+1, h.sweep(tasks.SweepTicks).Count)
	require.Equal(t, 7, h.count(`SELECT count(*) FROM schedule_ticks WHERE schedule = 'daily'`))
	require.Equal(t, 1, h.count(`SELECT count(*) FROM schedule_ticks WHERE schedule = 'rare'`), "its last one stays")
}

func TestMails(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{Mails: 30 * day})
	h.exec(`INSERT INTO mails (id, job_id, template, recipient, state, created_at)
		SELECT gen_random_uuid(), gen_random_uuid(), name, 'anna@example.org', state, now() - age
		FROM (VALUES ('old', 'sent', interval '31 days'), ('failed', 'failed', interval '31 days'),
			('waiting', 'queued', interval '31 days'), ('new', 'sent', interval '29 days')) m (name, state, age)`)
	require.EqualValues(t, 2, h.sweep(tasks.SweepMails).Count)
	require.Equal(t, []string{"new", "waiting"}, h.names(`SELECT template FROM mails ORDER BY template`))

	h.exec(`INSERT INTO mail_tokens (token_hash, purpose, user_id, email, expires_at) VALUES
		(sha256('old'), 'password_reset', $1, 'a', now() - interval '1 minute'),
		(sha256('new'), 'password_reset', $1, 'a', now() + interval '1 minute')`, h.owner)
	require.EqualValues(t, 1, h.sweep(tasks.SweepMailTokens).Count)
	require.Equal(t, 1, h.count(`SELECT count(*) FROM mail_tokens WHERE token_hash = sha256('new')`))
}

func TestArchivedTasks(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	h.rdb.SAdd(t.Context(), "asynq:queues", "files")
	for name, age := range map[string]time.Duration{"old": 8 * day, "new": 6 * day} {
		h.rdb.ZAdd(t.Context(), "asynq:{files}:archived", redis.Z{Score: float64(time.Now().Add(-age).Unix()), Member: name})
		h.rdb.HSet(t.Context(), "asynq:{files}:t:"+name, "state", "archived")
	}
	require.EqualValues(t, 1, h.sweep(tasks.SweepArchived).Count)
	require.Equal(t, []string{"new"}, h.rdb.ZRange(t.Context(), "asynq:{files}:archived", 0, -1).Val())
	require.Equal(t, []string{"asynq:{files}:t:new"}, h.rdb.Keys(t.Context(), "asynq:{files}:t:*").Val())
}

func TestOldQuarantine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  cleanup.Config
		line cleanup.Line
		left []string
	}{
		"is kept until somebody says otherwise": {cleanup.Config{}, cleanup.Line{What: "quarantine", Off: true},
			[]string{"clean", "new", "old"}},
		"goes with its content": {cleanup.Config{Quarantine: 30 * day}, cleanup.Line{What: "quarantine", Count: 1, Bytes: 3},
			[]string{"clean", "new"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, c.cfg)
			for _, file := range []struct{ name, status, age string }{
				{"old", "quarantined", "31 days"}, {"new", "quarantined", "29 days"}, {"clean", "clean", "100 days"},
			} {
				f := h.upload(file.name)
				h.exec(`UPDATE files SET name = $2, status = $3, scanned_at = now() - $4::text::interval WHERE id = $1`,
					f.ID, file.name, file.status, file.age)
			}
			require.Equal(t, c.line, h.sweep(tasks.SweepQuarantine))
			require.Equal(t, c.left, h.names(`SELECT name FROM files ORDER BY name`))
			require.Len(t, h.stored(), len(c.left))
		})
	}
}

func TestASweepEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	h.job("old", queue.Succeeded, 15*day)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(queue.ErrHandedBack)
	_, err := h.Run(ctx, tasks.SweepArgs{}, nil)
	require.ErrorIs(t, err, queue.ErrHandedBack)
	require.Equal(t, 1, h.count(`SELECT count(*) FROM jobs`))

	lost := errors.New("the job is not ours any more")
	report, err := h.Run(t.Context(), tasks.SweepArgs{}, func(cleanup.Report) error { return lost })
	require.ErrorIs(t, err, lost)
	require.Len(t, report.Lines, 1, "nothing was swept after that")
}

func TestWhatCannotBeSweptKeepsNothingElseFromIt(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{})
	h.job("old", queue.Succeeded, 15*day)
	h.exec(`DROP TABLE idempotency_keys`)
	report, err := h.Run(t.Context(), tasks.SweepArgs{}, nil)
	require.Error(t, err)
	require.Len(t, report.Lines, len(tasks.Sweepable()))
	for _, line := range report.Lines {
		require.Equal(t, line.What == tasks.SweepIdempotencyKeys, line.Error != "", line.What)
	}
	require.Zero(t, h.count(`SELECT count(*) FROM jobs`))
	_, err = h.Run(t.Context(), tasks.SweepArgs{Only: []string{"everything"}}, nil)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
}

func TestOldDatasetsAreDeletedWithTheirFiles(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{Datasets: 30 * day})
	old, young, building := h.dataset("ready", 1, 31*day), h.dataset("ready", 1, 29*day), h.dataset("building", 1, 31*day)
	h.dataset("failed", 1, 31*day) // without files
	for _, id := range []uuid.UUID{old, young, building} {
		text := id.String()
		key := "datasets/" + text[len(text)-2:] + "/" + text + "-1-train.jsonl"
		h.put(key)
		if id != building {
			h.exec(`INSERT INTO dataset_files VALUES ($1, 'train.jsonl', 5, '', 1, '', $2)`, id, key)
		}
	}
	require.Equal(t, cleanup.Line{What: tasks.SweepDatasets, Count: 2, Bytes: 5}, h.sweep(tasks.SweepDatasets))
	require.Len(t, h.stored(), 2)
	require.Equal(t, 2, h.count(`SELECT count(*) FROM datasets WHERE id IN ($1, $2)`, young, building))
	require.Equal(t, 2, h.count(`SELECT count(*) FROM jobs WHERE kind = 'dataset:purge'`))
	require.Zero(t, h.sweep(tasks.SweepDatasets).Count)
}
