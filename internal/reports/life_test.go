package reports_test

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/internal/reports"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// announced waits for the end of a report's announcement.
func (h *house) announced(report db.Report) (a reports.Announced) {
	h.t.Helper()
	var raw json.RawMessage
	h.eventually(func() bool {
		return h.pool.QueryRow(h.ctx(), `SELECT result FROM jobs WHERE kind = 'report:announce' AND state = 'succeeded'
			AND args->>'report_id' = $1`, report.ID.String()).Scan(&raw) == nil
	}, "report %s should be announced", report.ID)
	require.NoError(h.t, json.Unmarshal(raw, &a))
	return a
}

// told are the events of a type on a user's stream.
func (h *house) told(user uuid.UUID, typ string) (data []json.RawMessage) {
	h.t.Helper()
	entries, err := h.rdb.XRange(h.ctx(), stream.User(user).String(), "-", "+").Result()
	require.NoError(h.t, err)
	for _, e := range entries {
		for _, v := range e.Values {
			if text, ok := v.(string); ok && json.Valid([]byte(text)) && e.Values["t"] == typ {
				data = append(data, json.RawMessage(text))
			}
		}
	}
	return data
}

func received(t testing.TB, m *devstack.Mailpit) []devstack.ReceivedMail {
	t.Helper()
	got, err := m.Received(t.Context())
	require.NoError(t, err)
	return got
}

func TestAReportIsAnnouncedWhenItCanBeOpened(t *testing.T) {
	t.Parallel()
	post := stacktest.Mailpit(t)
	h := open(t, reports.Config{}, post.URL())
	h.exec(`UPDATE users SET verified_at = now() WHERE id = $1`, h.ada)
	report := h.asked(h.ada, week)
	ready := h.until(report, reports.Ready)
	require.Equal(t, reports.Announced{ReportID: report.ID, State: "ready", Mailed: true}, h.announced(report))

	job := h.untilJob(report.JobID, func(j db.Job) bool { return j.State == queue.Succeeded })
	var built reports.Built
	require.NoError(t, json.Unmarshal(job.Result, &built))
	require.Len(t, built.Files, 3)
	notices := h.told(h.ada, stream.TypeNotice)
	require.Len(t, notices, 1)
	var notice reports.Notice
	require.NoError(t, json.Unmarshal(notices[0], &notice))
	require.Equal(t, "report_ready", notice.Notice)
	require.Equal(t, report.ID, notice.ReportID)
	require.ElementsMatch(t, built.Files, notice.Files)
	require.Empty(t, h.told(h.bob, stream.TypeNotice))

	h.eventually(func() bool { return len(received(t, post)) == 1 }, "the mail should arrive")
	mail := received(t, post)[0]
	require.Equal(t, "ada@example.org", mail.To[0].Address)
	require.Equal(t, "Usage report, 2024-03-04 to 2024-03-10", mail.Subject)
	for _, text := range []string{mail.Text, mail.HTML} {
		require.Contains(t, text, "your use")
		require.Contains(t, text, report.ID.String())
		for _, f := range ready.Files {
			require.Contains(t, text, f.Name)
		}
	}
}

// Whoever registers with a stranger's address must not have mail sent there.
func TestNoMailGoesToAnAddressThatNobodyHasConfirmed(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, stacktest.Mailpit(t).URL())
	require.False(t, h.announced(h.asked(h.ada, week)).Mailed)
	require.True(t, h.announced(h.asked(h.rooted, week)).Mailed, "an admin's is vouched for")
	require.Equal(t, 1, h.count(`SELECT count(*) FROM mails`))
}

func TestAFileThatTheScannerRefusesFailsTheReport(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	// Given a model whose name is the test virus
	h.query(h.ada, string(devstack.TestVirus()), "stop", 1, 1, 1, 1, at("2024-03-05 12:00"))
	wanted := week
	wanted.Formats = []string{tasks.ReportCSV}
	report := h.until(h.asked(h.ada, wanted), reports.Failed)
	code, message := report.Trouble()
	require.Equal(t, files.NotClean, code)
	require.Contains(t, message, "quarantined")
	require.Equal(t, "failed", h.announced(report.Report).State)
	require.Empty(t, h.told(h.ada, stream.TypeNotice))
}

func TestACancelledReportIsBuiltByARerun(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	release := h.lock("ai_queries")
	report := h.asked(h.ada, week)
	h.untilJob(report.JobID, func(j db.Job) bool { return j.State == queue.Running })
	_, err := h.engine.Cancel(t.Context(), report.JobID, h.ada)
	require.NoError(t, err)
	code, _ := h.until(report, reports.Failed).Trouble()
	require.EqualValues(t, "cancelled", code)
	release()
	_, err = h.engine.Rerun(t.Context(), report.JobID, h.ada)
	require.NoError(t, err)
	require.Len(t, h.until(report, reports.Ready).Files, 3)
}

// Between the content in the storage and the commit that names it.
func TestAReportThatCannotBeRecordedLeavesNothingAndIsRepeated(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	h.exec(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'the lights went out'; END $$`)
	h.exec(`CREATE TRIGGER refuse BEFORE INSERT ON report_files FOR EACH ROW WHEN (NEW.format = 'json')
		EXECUTE FUNCTION refuse()`)
	report := h.asked(h.ada, week)
	h.untilJob(report.JobID, func(j db.Job) bool { return j.State == queue.Failed })
	require.Equal(t, reports.Failed, h.until(report, reports.Failed).State())
	require.Zero(t, h.count(`SELECT count(*) FROM files`))
	require.Zero(t, h.stored())

	h.exec(`DROP TRIGGER refuse ON report_files`)
	_, err := h.engine.Rerun(t.Context(), report.JobID, h.ada)
	require.NoError(t, err)
	require.Len(t, h.until(report, reports.Ready).Files, 3)
	require.Equal(t, 3, h.count(`SELECT count(*) FROM files`))
	require.Equal(t, 3, h.stored())
	_, err = h.engine.Rerun(t.Context(), report.JobID, h.ada)
	require.Equal(t, "job_state", code(err), "there is no second set")
}

func TestADeletedReportTakesItsFilesAlong(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	report := h.asked(h.ada, week)
	h.until(report, reports.Ready)
	require.Equal(t, "not_found", code(h.Delete(t.Context(), h.bob, report.ID)))
	require.Equal(t, 3, h.stored())
	require.NoError(t, h.Delete(t.Context(), h.ada, report.ID))
	require.Zero(t, h.count(`SELECT (SELECT count(*) FROM files) + (SELECT count(*) FROM reports)`))
	require.Zero(t, h.stored())
	require.Equal(t, "not_found", code(h.Delete(t.Context(), h.ada, report.ID)))
}

func TestADeletedReportIsNotBuiltAnyMore(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	release := h.lock("ai_queries")
	report := h.asked(h.ada, week)
	h.untilJob(report.JobID, func(j db.Job) bool { return j.State == queue.Running })
	require.NoError(t, h.Delete(t.Context(), h.ada, report.ID))
	release()
	job := h.untilJob(report.JobID, func(j db.Job) bool { return j.FinishedAt != nil })
	require.Equal(t, queue.Cancelled, job.State)
	// Whoever runs it again all the same finds that there is nothing to build.
	_, err := h.engine.Rerun(t.Context(), report.JobID, h.ada)
	require.NoError(t, err)
	job = h.untilJob(report.JobID, func(j db.Job) bool { return j.State == queue.Failed })
	require.Equal(t, "not_found", *job.ErrorCode)
	require.Zero(t, h.count(`SELECT count(*) FROM files`))
}

func TestOneFileOfAReportMayBeDeleted(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	report := h.until(h.asked(h.ada, week), reports.Ready)
	require.NoError(t, h.files.Delete(t.Context(), h.ada, report.Files[0].ID))
	left, err := h.Get(t.Context(), h.ada, report.ID)
	require.NoError(t, err)
	require.Equal(t, report.Files[1:], left.Files)
	require.Equal(t, reports.Ready, left.State())
}

// Who was an admin when they asked may be none when it is built.
func TestAFormerAdminGetsNothingAboutEveryone(t *testing.T) {
	t.Parallel()
	h := open(t, reports.Config{}, "")
	wanted := week
	wanted.Scope = reports.Everyone
	var report db.Report
	require.NoError(t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
		report, err = h.Request(h.ctx(), tx, h.rooted, wanted)
		h.exec(`UPDATE users SET role = 'user' WHERE id = $1`, h.rooted)
		return err
	}))
	code, _ := h.until(report, reports.Failed).Trouble()
	require.EqualValues(t, "forbidden", code)
}

func TestEachAdminHasTheWeekBeforeOnce(t *testing.T) {
	t.Parallel()
	post := stacktest.Mailpit(t)
	h := open(t, reports.Config{}, post.URL())
	h.user("second@example.org", "Second", "admin")
	weekly := func() (w reports.Weekly) {
		var job queue.Record
		require.NoError(t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
			job, err = queue.EnqueueRaw(h.ctx(), tx, queue.Raw(tasks.WeeklyReports), json.RawMessage(`{"formats":["csv"]}`))
			return err
		}))
		done := h.untilJob(job.ID, func(j db.Job) bool { return j.State == queue.Succeeded })
		require.NoError(t, json.Unmarshal(done.Result, &w))
		return w
	}
	first := weekly()
	require.Equal(t, 2, first.Reports)
	require.Equal(t, "Monday", first.From.Weekday().String())
	require.Equal(t, first.From.AddDate(0, 0, 7), first.To)
	require.Zero(t, weekly().Reports, "they have it")

	found, err := h.List(t.Context(), h.rooted, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.True(t, found[0].Weekly)
	require.Equal(t, reports.Everyone, found[0].Scope)
	require.True(t, first.From.Equal(found[0].FromAt))
	h.until(found[0].Report, reports.Ready)
	h.eventually(func() bool { return len(received(t, post)) == 2 }, "both admins get a mail")

	require.NoError(t, h.Delete(t.Context(), h.rooted, found[0].ID))
	require.Equal(t, 1, weekly().Reports, "who deleted it may have it again")
}

func TestASettingThatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	_, err := reports.New(reports.Deps{}, reports.Config{QueryTimeout: -1})
	require.Equal(t, "invalid", code(err))
	require.ErrorContains(t, err, "REPORTS_QUERY_TIMEOUT")
}
