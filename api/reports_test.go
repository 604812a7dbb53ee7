package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func badReports(ada *user) []bad {
	ask := func(body string) request { return send("/api/reports", body).by(ada) }
	unknown := "/api/reports/" + uuid.Must(uuid.NewV7()).String()
	return []bad{
		{"report of a wrong time", ask(`{"from":"yesterday"}`), 400, "invalid", "from"},
		{"report to a wrong time", ask(`{"to":"2026-02-30"}`), 400, "invalid", "to"},
		{"report of a number", ask(`{"from":20260101}`), 400, "invalid", `"from" has to be a string`},
		{"report of nothing", ask(`{"from":"2024-01-02","to":"2024-01-02"}`), 400, "invalid", "before"},
		{"report of more than a year", ask(`{"from":"2023-01-01","to":"2024-01-03"}`), 400, "invalid", "366"},
		{"report of the future", ask(`{"from":"2999-01-01","to":"2999-01-02"}`), 400, "invalid", "future"},
		{"report in no zone", ask(`{"zone":"Mars/Olympus"}`), 400, "invalid", "zone"},
		{"report as a picture", ask(`{"formats":["html","png"]}`), 400, "invalid", "png"},
		{"report as nothing", ask(`{"formats":[]}`), 400, "invalid", "formats"},
		{"report as null", ask(`{"formats":[null]}`), 400, "invalid", ""},
		{"report of nobody", ask(`{"scope":"nobody"}`), 400, "invalid", "scope"},
		{"report of everyone", ask(`{"scope":"everyone"}`), 403, "forbidden", "admin"},
		{"report with more", ask(`{"title":"x"}`), 400, "invalid", `"title"`},
		{"report under a bad key", ask(`{}`).with("Idempotency-Key", "a b"), 400, "invalid", "Idempotency-Key"},
		{"too many reports", get("/api/reports?limit=101").by(ada), 400, "invalid", "limit"},
		{"reports before what", get("/api/reports?before=yesterday").by(ada), 400, "invalid", "before"},
		{"malformed report", get("/api/reports/17").by(ada), 400, "invalid", "id"},
		{"unknown report", get(unknown).by(ada), 404, "not_found", ""},
		{"delete an unknown report", get(unknown).via("DELETE").by(ada), 404, "not_found", ""},
		{"a report by nobody", send("/api/reports", `{}`), 401, "unauthorized", ""},
	}
}

// builds runs the jobs that build reports until the test ends. Nothing scans their files.
func (h *house) builds() {
	h.t.Helper()
	mux := queue.NewMux()
	queue.Handle(mux, tasks.BuildReport, h.reports.Build)
	runner := queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: map[string]int{tasks.Reports: 1}, Poll: 5 * time.Millisecond, Grace: 100 * time.Millisecond,
	})
	require.NoError(h.t, runner.Start(h.t.Context()))
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(h.t, runner.Stop(ctx))
	})
}

func TestAReportIsAskedForFollowedReadAndDeletedByItsOwnerOnly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.builds()
	ada, bob := s.user(), s.user()
	ask := func(body string, key string) *answer {
		return s.send(send("/api/reports", body).by(&ada).with("Idempotency-Key", key))
	}
	body := `{"from":"2024-03-01","to":"2024-03-08","zone":"Europe/Berlin","formats":["csv","html"]}`
	first := ask(body, "k1").want(http.StatusAccepted)
	var accepted api.ReportAccepted
	first.into(&accepted)
	path := "/api/reports/" + accepted.ID.String()
	require.Equal(t, path, first.header.Get("Location"))
	again := ask(body, "k1").want(http.StatusAccepted)
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	ask(`{}`, "k1").problem(422, "idempotency_mismatch")

	var report api.Report
	eventually(t, "it should be written", func() bool {
		s.send(get(path).by(&ada)).want(http.StatusOK).into(&report)
		return len(report.Files) == 2
	})
	require.Equal(t, "building", report.State, "its files are not scanned yet")
	require.Equal(t, "2024-02-29T23:00:00Z", report.From.Format(time.RFC3339))
	require.Equal(t, []string{"html", "csv"}, report.Formats)
	require.Nil(t, report.Files[0].ContentURL)
	s.exec(`UPDATE files SET status = 'clean'`)
	s.send(get(path).by(&ada)).want(http.StatusOK).into(&report)
	require.Equal(t, "ready", report.State)
	page := s.send(get(*report.Files[1].ContentURL).by(&ada)).want(http.StatusOK)
	require.Contains(t, page.header.Get("Content-Disposition"), "usage-2024-03-01-to-2024-03-07.html")
	require.Contains(t, string(page.body), "Usage report")

	s.exec(`UPDATE files SET status = 'refused', reason = 'It is odd.' WHERE name LIKE '%.csv'`)
	s.send(get(path).by(&ada)).want(http.StatusOK).into(&report)
	require.Equal(t, "failed", report.State)
	require.Equal(t, "file_not_clean", report.Error.Code)

	s.send(get(path).by(&bob)).problem(404, "not_found")
	s.send(get(path).via("DELETE").by(&bob)).problem(404, "not_found")
	s.send(get(path).via("DELETE").by(&ada)).want(http.StatusNoContent)
	s.send(get(path).by(&ada)).problem(404, "not_found")
	require.Empty(t, s.stored())
}

func TestReportsAreWalkedPageByPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ada, root := s.user(), s.admin()
	s.send(send("/api/reports", `{"scope":"everyone"}`).by(&root)).want(http.StatusAccepted)
	var asked []uuid.UUID
	for range 3 {
		var accepted api.ReportAccepted
		s.send(send("/api/reports", `{}`).by(&ada)).want(http.StatusAccepted).into(&accepted)
		asked = append([]uuid.UUID{accepted.ID}, asked...)
	}
	var page api.ReportPage
	s.send(get("/api/reports?limit=2").by(&ada)).want(http.StatusOK).into(&page)
	require.Equal(t, asked[:2], []uuid.UUID{page.Items[0].ID, page.Items[1].ID})
	require.Equal(t, "building", page.Items[0].State)
	require.Equal(t, "mine", page.Items[0].Scope)
	var last api.ReportPage
	s.send(get("/api/reports?limit=2&before=" + page.Next.String()).by(&ada)).want(http.StatusOK).into(&last)
	require.Len(t, last.Items, 1)
	require.Equal(t, asked[2], last.Items[0].ID)
	require.Nil(t, last.Next)

	// One that is being built is deleted with its job.
	s.send(get("/api/reports/" + asked[2].String()).via("DELETE").by(&ada)).want(http.StatusNoContent)
	require.EqualValues(t, "cancelled", s.job(ada, last.Items[0].JobID).State)
}
