package datasets_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/datasets"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// gate stops reading in the middle of the conversations, at the one that asks "stop", until it is opened.
type gate struct {
	h    *house
	conn *pgx.Conn
}

const gateLock = 4711

// closed is a gate that holds up whoever fetches.
func (h *house) closed() *gate {
	h.t.Helper()
	h.exec(`ALTER TABLE ai_queries RENAME TO passed`)
	h.exec(`CREATE FUNCTION pass(prompt text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
		BEGIN
			IF prompt = 'stop' AND current_query() LIKE 'FETCH%' THEN
				PERFORM pg_advisory_lock_shared(4711);
				PERFORM pg_advisory_unlock_shared(4711);
			END IF;
			RETURN true;
		END $$`)
	h.exec(`CREATE VIEW ai_queries AS SELECT * FROM passed WHERE pass(prompt)`)
	conn, err := pgx.Connect(h.ctx(), h.pool.Config().ConnString())
	require.NoError(h.t, err)
	g := &gate{h, conn}
	h.t.Cleanup(func() { _ = conn.Close(h.ctx()) })
	g.lock()
	return g
}

func (g *gate) lock() {
	g.h.t.Helper()
	_, err := g.conn.Exec(g.h.ctx(), `SELECT pg_advisory_lock($1)`, gateLock)
	require.NoError(g.h.t, err)
}

// held waits until n are held up.
func (g *gate) held(n int) {
	g.h.t.Helper()
	g.h.eventually(func() bool {
		return g.h.count(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, gateLock) == n
	}, "%d should be held up", n)
}

func (g *gate) open() {
	g.h.t.Helper()
	_, err := g.conn.Exec(g.h.ctx(), `SELECT pg_advisory_unlock($1)`, gateLock)
	require.NoError(g.h.t, err)
}

func talks() []talk {
	return []talk{{prompt: "before", answer: strings.Repeat("x", 1<<20)}, {prompt: "stop", answer: "x"}, {prompt: "after", answer: "x"}}
}

// The worker of the first run is believed dead, and goes on all the same.
func TestARunThatWasBelievedDeadSpoilsNothing(t *testing.T) {
	t.Parallel()
	// A heartbeat would tell the first run that it is over, before the second is where both meet.
	h := open(t, func(c *queue.RunnerConfig) { c.Heartbeat = time.Hour })
	gate := h.closed()
	h.talked(talks()...)
	d := h.create(h.me, spec())
	gate.held(1)
	require.NotEmpty(t, h.stored(), "half written")
	h.exec(`UPDATE jobs SET state = 'queued', epoch = epoch + 1, dispatched_at = NULL, worker_id = NULL WHERE id = $1`, d.JobID)
	require.NoError(t, h.engine.DispatchAll(t.Context()))
	gate.held(2)
	gate.open()

	ready := h.until(h.me, d.ID, datasets.Ready)
	require.Len(t, h.said(h.me, d.ID, datasets.Train), 3)
	h.eventually(func() bool { return len(h.stored()) == 3 }, "one set of files, not %v", h.stored())
	require.ElementsMatch(t, keys(ready), h.stored())
	for _, key := range h.stored() {
		require.Contains(t, key, "-2-", "by the second run")
	}
}

func TestWhatADeadRunLeftIsRemovedByTheNext(t *testing.T) {
	t.Parallel()
	h := open(t)
	gate := h.closed()
	h.talked(talks()...)
	d := h.create(h.me, spec())
	gate.held(1)
	for _, key := range []string{
		datasets.KeyOf(d.ID, 0, datasets.Train), datasets.KeyOf(d.ID, 0, datasets.Manifest),
		datasets.KeyOf(d.ID, 0, datasets.Validation) + ".1f2e3d.tmp",
	} {
		require.NoError(t, h.bucket.Put(t.Context(), key, "", strings.NewReader("x")))
	}
	require.NoError(t, h.PurgeNow(t.Context(), d.ID))
	require.False(t, slices.ContainsFunc(h.stored(), func(key string) bool { return strings.Contains(key, "-0-") }))
	require.NotEmpty(t, h.stored(), "what is being written stays")
	gate.open()
	require.ElementsMatch(t, keys(h.until(h.me, d.ID, datasets.Ready)), h.stored())
}

// Between the last file and the commit.
func TestAnExportThatCannotCommitIsRepeatedAsAWhole(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.talked(talks()...)
	h.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the lights went out'; END $$`)
	h.exec(`CREATE TRIGGER refuse BEFORE INSERT ON dataset_files FOR EACH ROW EXECUTE FUNCTION refuse()`)
	d := h.create(h.me, spec())
	h.exec(`UPDATE jobs SET max_attempts = 1000 WHERE id = $1`, d.JobID)
	h.eventually(func() bool { return h.job(d.JobID).ErrorCode != nil }, "it should fail")
	got, err := h.Get(t.Context(), h.me, d.ID)
	require.NoError(t, err)
	require.Equal(t, datasets.Building, got.State)
	require.Empty(t, got.Files)
	h.exec(`DROP TRIGGER refuse ON dataset_files`)
	ready := h.until(h.me, d.ID, datasets.Ready)
	require.ElementsMatch(t, keys(ready), h.stored())
	require.Len(t, h.said(h.me, d.ID, datasets.Train), 3)
}

func TestACancelledExportLeavesNothingAndCanBeRunAgain(t *testing.T) {
	t.Parallel()
	h := open(t)
	gate := h.closed()
	h.talked(talks()...)
	d := h.create(h.me, spec())
	gate.held(1)
	_, err := h.engine.Cancel(t.Context(), d.JobID, h.me.ID)
	require.NoError(t, err)
	cancelled := h.until(h.me, d.ID, datasets.Cancelled)
	require.NotNil(t, cancelled.FinishedAt)
	h.eventually(func() bool { return len(h.stored()) == 0 }, "%v", h.stored())
	_, err = h.OpenFile(t.Context(), h.me.ID, false, d.ID, datasets.Train)
	require.Equal(t, datasets.NotReady, fault.CodeOf(err))

	gate.open()
	_, err = h.engine.Rerun(t.Context(), d.JobID, h.me.ID)
	require.NoError(t, err)
	ready := h.until(h.me, d.ID, datasets.Ready)
	h.purged() // the first run's, late
	require.ElementsMatch(t, keys(ready), h.stored())
}

// purged runs the purge jobs that wait for their time.
func (h *house) purged() {
	h.t.Helper()
	h.exec(`UPDATE jobs SET run_at = now() WHERE kind = 'dataset:purge' AND state = 'queued'`)
	require.NoError(h.t, h.engine.DispatchAll(h.ctx()))
	h.eventually(func() bool {
		return h.count(`SELECT count(*) FROM jobs WHERE kind = 'dataset:purge' AND state <> 'succeeded'`) == 0
	}, "purges should end")
}

func TestADatasetDeletedDuringItsExportTakesTheJobWithIt(t *testing.T) {
	t.Parallel()
	h := open(t)
	gate := h.closed()
	h.talked(talks()...)
	d := h.create(h.me, spec())
	gate.held(1)
	require.NoError(t, h.Delete(t.Context(), h.me, d.ID))
	h.eventually(func() bool { return h.job(d.JobID).State == queue.Cancelled }, "the job should be cancelled")
	require.Equal(t, "The dataset was deleted.", *h.job(d.JobID).ErrorMessage)
	h.eventually(func() bool { return len(h.stored()) == 0 }, "%v", h.stored())
}

// The row goes by itself, as with its owner's account: nobody cancels the job.
func TestAnExportWhoseDatasetIsGoneEndsAndLeavesNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	gate := h.closed()
	h.talked(talks()...)
	d := h.create(h.me, spec())
	gate.held(1)
	h.exec(`DELETE FROM datasets`)
	gate.open()
	h.eventually(func() bool { return h.job(d.JobID).State == queue.Failed }, "the job should fail")
	require.Equal(t, string(fault.NotFound), *h.job(d.JobID).ErrorCode)
	h.eventually(func() bool { return len(h.stored()) == 0 }, "%v", h.stored())
}

func TestAStorageThatTakesNothingIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.talked(talks()...)
	broken := filepath.Join(h.folder, "datasets")
	require.NoError(t, os.WriteFile(broken, nil, 0o600)) // where a folder should be
	d := h.create(h.me, spec())
	h.exec(`UPDATE jobs SET max_attempts = 1000 WHERE id = $1`, d.JobID)
	h.eventually(func() bool { return h.job(d.JobID).ErrorCode != nil }, "it should fail")
	require.Equal(t, string(fault.Unavailable), *h.job(d.JobID).ErrorCode)
	require.NoError(t, os.Remove(broken))
	require.ElementsMatch(t, keys(h.until(h.me, d.ID, datasets.Ready)), h.stored())
}

func TestADeletedDatasetIsGoneFromTheStorage(t *testing.T) {
	t.Parallel()
	h := open(t)
	root, other, peer := h.user("admin"), h.user("user"), h.user("admin")
	h.talked(talks()...)
	mine, all := h.export(h.me, spec()), h.export(root, spec(everyone))

	for _, who := range []datasets.Viewer{other, root} {
		require.Equal(t, fault.NotFound, fault.CodeOf(h.Delete(t.Context(), who, mine.ID)), "not even for admins")
		_, err := h.OpenFile(t.Context(), who.ID, who.Admin, mine.ID, datasets.Train)
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
	}
	require.Equal(t, fault.NotFound, fault.CodeOf(h.Delete(t.Context(), h.me, all.ID)))
	require.Len(t, h.stored(), 6)

	require.NoError(t, h.Delete(t.Context(), peer, all.ID), "everyone's are all admins'")
	require.ElementsMatch(t, keys(mine), h.stored())
	require.Equal(t, 2, h.count(`SELECT count(*) FROM audit_entries WHERE target = $1 AND action IN ('dataset.create', 'dataset.delete')`,
		all.ID.String()))
	require.NoError(t, h.Delete(t.Context(), h.me, mine.ID))
	require.Empty(t, h.stored())
	require.Equal(t, fault.NotFound, fault.CodeOf(h.Delete(t.Context(), h.me, mine.ID)))

	// What a crash left between the commit and the removal.
	require.NoError(t, h.bucket.Put(t.Context(), mine.Files[0].BlobKey, "", strings.NewReader("x")))
	h.purged()
	require.Empty(t, h.stored())
}

func TestWhatMayBeAskedFor(t *testing.T) {
	t.Parallel()
	h := open(t)
	try := func(change func(*datasets.Spec)) fault.Code {
		return fault.CodeOf(db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
			_, _, err := h.Create(t.Context(), tx, h.me, spec(change))
			return err
		}))
	}
	require.Equal(t, fault.Forbidden, try(everyone))
	for name, change := range map[string]func(*datasets.Spec){
		"format":      func(s *datasets.Spec) { s.Format = "csv" },
		"scope":       func(s *datasets.Spec) { s.Scope = "" },
		"times":       func(s *datasets.Spec) { s.From, s.To = &h.clock, &h.clock },
		"rating":      func(s *datasets.Spec) { s.MinRating = 2 },
		"no rating":   func(s *datasets.Spec) { s.MinRating = -2 },
		"share":       func(s *datasets.Spec) { s.ValidationShare = 0.51 },
		"minus":       func(s *datasets.Spec) { s.ValidationShare = -0.1 },
		"raw":         func(s *datasets.Spec) { s.Scope, s.Redact = datasets.Everyone, false },
		"no model":    func(s *datasets.Spec) { s.Models = []string{""} },
		"long model":  func(s *datasets.Spec) { s.Models = []string{strings.Repeat("m", 201)} },
		"NUL model":   func(s *datasets.Spec) { s.Models = []string{"a\x00"} },
		"many models": func(s *datasets.Spec) { s.Models = make([]string, 51) },
	} {
		require.Equal(t, fault.Invalid, try(change), name)
	}
	require.Zero(t, h.count(`SELECT count(*) FROM jobs`)+h.count(`SELECT count(*) FROM datasets`)+h.count(`SELECT count(*) FROM audit_entries`))
	_, err := datasets.New(nil, nil, datasets.Config{PhoneRegions: []string{"Germany"}}, nil)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.ErrorContains(t, err, "DATASETS_PHONE_REGIONS")
}

func TestDatasetsAreListedForWhoMaySeeThem(t *testing.T) {
	t.Parallel()
	h := open(t)
	root, peer := h.user("admin"), h.user("admin")
	var all []uuid.UUID
	for _, d := range []db.Dataset{h.create(h.me, spec()), h.create(root, spec(everyone)), h.create(root, spec()), h.create(h.me, spec())} {
		all = append(all, d.ID)
	}
	list := func(who datasets.Viewer, before uuid.UUID, limit int32) (ids []uuid.UUID) {
		found, err := h.List(t.Context(), who, before, limit)
		require.NoError(t, err)
		for _, d := range found {
			ids = append(ids, d.ID)
		}
		return ids
	}
	require.Equal(t, []uuid.UUID{all[3], all[0]}, list(h.me, uuid.Nil, 10))
	require.Equal(t, []uuid.UUID{all[2], all[1]}, list(root, uuid.Nil, 10))
	require.Equal(t, []uuid.UUID{all[1]}, list(peer, uuid.Nil, 10))
	require.Equal(t, []uuid.UUID{all[3]}, list(h.me, uuid.Nil, 1))
	require.Equal(t, []uuid.UUID{all[0]}, list(h.me, all[3], 10))
}
