package chaos

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/db/dbtest"
	"rohrpost/internal/devstack/stacktest"
)

// house is what a run leaves behind when all went well: transfers, one of them refused, a file, and Asynq's standing keys.
type house struct {
	t *testing.T
	evidence
}

const transfers = 5

func settled(t *testing.T) *house {
	t.Helper()
	options, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(options)
	t.Cleanup(func() { rdb.Close() })
	h := &house{t: t, evidence: evidence{pool: dbtest.New(t), rdb: rdb}}
	require.NoError(t, openBooks(t.Context(), h.pool))
	for n := range transfers {
		id := h.job(transfer.Name, "succeeded")
		h.accepted = append(h.accepted, id)
		h.effect(id)
		h.exec(`UPDATE chaos_accounts SET balance = balance - 1 WHERE id = $1`, n)
		h.exec(`UPDATE chaos_accounts SET balance = balance + 1 WHERE id = $1`, accounts+n)
	}
	refused := h.job(transfer.Name, "failed")
	h.exec(`UPDATE jobs SET error_code = 'invalid', error_message = 'No.' WHERE id = $1`, refused)
	h.accepted = append(h.accepted, refused)
	h.uploaded("clean")
	for _, key := range []string{"asynq:queues", "asynq:{chaos}:processed", "asynq:workers"} {
		require.NoError(t, rdb.Set(t.Context(), key, "1", 0).Err())
	}
	archived := fmt.Sprintf("%s:1", refused)
	require.NoError(t, rdb.ZAdd(t.Context(), "asynq:{chaos}:archived", redis.Z{Member: archived}).Err())
	require.NoError(t, rdb.HSet(t.Context(), "asynq:{chaos}:t:"+archived, "state", "archived").Err())
	require.NoError(t, rdb.Set(t.Context(), "stream:goes", "1", 1e12).Err())
	return h
}

func (h *house) exec(statement string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(h.t.Context(), statement, args...)
	require.NoError(h.t, err)
}

func (h *house) job(kind, state string) uuid.UUID {
	h.t.Helper()
	id := uuid.New()
	h.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, state) VALUES ($1, $2, 'chaos', '{}', 1, $3, $4)`,
		id, kind, uuid.Nil, state)
	return id
}

func (h *house) effect(job uuid.UUID) {
	h.t.Helper()
	h.exec(`INSERT INTO chaos_effects (job_id, number, epoch) VALUES ($1, 1, 1)`, job)
}

func (h *house) uploaded(status string) {
	h.t.Helper()
	u := upload{file: uuid.New(), job: h.job("file:scan", "succeeded"), sum: sha256.Sum256([]byte("content"))}
	owner := uuid.New()
	h.exec(`INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, 'Bob', '')`, owner, owner.String()+"@example.org")
	h.exec(`INSERT INTO files (id, owner, name, size, media_type, sha256, blob_key, status, job_id)
		VALUES ($1, $2, 'a', 7, 'text/plain', $3, 'k', $4, $5)`, u.file, owner, u.sum[:], status, u.job)
	h.uploads = append(h.uploads, u)
}

// broken are the names of the invariants that don't hold.
func (h *house) broken() (names []string) {
	h.t.Helper()
	findings, err := verify(h.t.Context(), h.evidence)
	require.NoError(h.t, err)
	require.Len(h.t, findings, len(invariants))
	for _, f := range findings {
		if f.Count > 0 {
			require.NotEmpty(h.t, f.Broken)
			names = append(names, f.Invariant)
		}
	}
	return names
}

func TestWhatWentWellBreaksNoInvariant(t *testing.T) {
	t.Parallel()
	h := settled(t)
	require.Empty(t, h.broken())
	require.NoError(t, awaitNothingLeft(t.Context(), h.rdb))
}

func TestEachPlantedViolationIsFound(t *testing.T) {
	t.Parallel()
	const ended, once, sum = "what was accepted has ended", "each effect is there once", "the ledger's sum is right"
	const uploads, reasons, left = "what was uploaded is there", "no job failed without a reason", "no key stays behind in Redis"
	ctx := context.Background()
	plants := map[string]struct {
		plant  func(h *house)
		broken []string
	}{
		"a job that runs for ever":     {func(h *house) { h.job("ai:infer", "running") }, []string{ended}},
		"an accepted job that is gone": {func(h *house) { h.accepted = append(h.accepted, uuid.New()) }, []string{ended}},
		"an upload whose job is gone":  {func(h *house) { h.exec(`DELETE FROM jobs WHERE id = $1`, h.uploads[0].job) }, []string{ended}},
		"an effect twice":              {func(h *house) { h.effect(h.accepted[0]) }, []string{once}},
		"a transfer without an effect": {
			func(h *house) { h.exec(`DELETE FROM chaos_effects WHERE job_id = $1`, h.accepted[0]) }, []string{once},
		},
		"an effect of a failed transfer": {func(h *house) { h.effect(h.accepted[transfers]) }, []string{once}},
		"an effect of nobody":            {func(h *house) { h.effect(uuid.New()) }, []string{once}},
		"money out of nothing": {
			func(h *house) { h.exec(`UPDATE chaos_accounts SET balance = balance + 1 WHERE id = 0`) }, []string{sum},
		},
		"money moved without a transfer": {func(h *house) {
			h.exec(`UPDATE chaos_accounts SET balance = balance - 1 WHERE id = 0`)
			h.exec(`UPDATE chaos_accounts SET balance = balance + 1 WHERE id = $1`, accounts)
		}, []string{sum}},
		"a file that is gone":         {func(h *house) { h.exec(`DELETE FROM files WHERE id = $1`, h.uploads[0].file) }, []string{uploads}},
		"a file that nobody scanned":  {func(h *house) { h.uploaded("processing") }, []string{uploads}},
		"a file with another content": {func(h *house) { h.uploads[0].sum[0]++ }, []string{uploads}},
		"a failure without a reason": {func(h *house) {
			h.exec(`UPDATE jobs SET error_code = NULL, error_message = NULL WHERE state = 'failed'`)
		}, []string{reasons}},
		"a task that is in no list": {func(h *house) {
			require.NoError(t, h.rdb.HSet(ctx, "asynq:{chaos}:t:x:1", "state", "active").Err())
		}, []string{left}},
		"a list that nobody reads": {func(h *house) {
			require.NoError(t, h.rdb.LPush(ctx, "asynq:{chaos}:active", "x:1").Err())
		}, []string{left}},
		"a stream without an expiry": {func(h *house) {
			require.NoError(t, h.rdb.Persist(ctx, "stream:goes").Err())
		}, []string{left}},
		"work that got stuck": {func(h *house) {
			h.happenings = []happening{{Kind: "redis-flush", Stuck: 3}}
		}, []string{"work went on after each fault"}},
		"a process that crashed": {func(h *house) { h.ended = []string{"worker-1"} }, []string{"no process ended by itself"}},
	}
	var covered []string
	for name, test := range plants {
		covered = append(covered, test.broken...)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := settled(t)
			test.plant(h)
			require.Equal(t, test.broken, h.broken())
		})
	}
	for _, i := range invariants {
		require.True(t, slices.Contains(covered, i.name), "%s has no violation in this test", i.name)
	}
}
