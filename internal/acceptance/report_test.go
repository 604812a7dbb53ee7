package acceptance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/tasks"
)

// Between the documents in the storage and the commit that makes them files.
func TestAReportWhoseWorkerIsKilledHasOneSetOfFiles(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	at := p.api()
	p.scheduler()
	ada := join(t, at)
	held := p.lock("report_files IN SHARE MODE") // it can be read, not written
	first := p.worker()
	var accepted api.ReportAccepted
	ada.post("/api/reports", map[string]any{"from": "2024-03-04", "to": "2024-03-11"}).want(http.StatusAccepted).into(&accepted)
	p.waitFor("report_files", 1)
	require.Len(t, p.stored(), 3)

	first.kill()
	p.worker()
	held.release()

	require.Equal(t, 1, p.done(tasks.BuildReport.Name).Crashes)
	var report api.Report
	eventually(t, func() bool {
		ada.get("/api/reports/" + accepted.ID.String()).want(http.StatusOK).into(&report)
		return report.State == "ready"
	}, "the report should be ready")
	require.Len(t, report.Files, 3)
	var files api.FilePage
	ada.get("/api/files").want(http.StatusOK).into(&files)
	require.Len(t, files.Items, 3)
	p.done(tasks.AnnounceReport.Name)
	// What the dead worker wrote has no name: the sweep of orphaned blobs removes it after a week.
	require.Len(t, p.stored(), 6)
	ada.delete("/api/reports/" + accepted.ID.String()).want(http.StatusNoContent)
	require.Len(t, p.stored(), 3)
}
