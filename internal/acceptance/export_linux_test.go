package acceptance

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/datasets"
	"rohrpost/tasks"
)

// exportPeak is what a worker may take at most while it exports a million conversations, in KiB.
const exportPeak = 150 << 10

// A worker process of its own exports a million conversations: rows a second, and the most memory that it had meanwhile.
//
//	go test -run '^$' -bench ExportOfAMillion -benchtime 1x ./internal/acceptance
func BenchmarkExportOfAMillion(b *testing.B) {
	const rows = 1_000_000
	p := open(b, nil)
	at := p.api()
	p.scheduler()
	u := join(b, at)
	p.conversations(u.id, rows)
	_, err := p.connect().Exec(b.Context(), `VACUUM ANALYZE ai_queries`)
	require.NoError(b, err)
	worker := p.worker()
	for b.Loop() {
		worker.forgetPeak()
		began := time.Now()
		d := u.exported(b, u.export().ID)
		took := time.Since(began)
		require.EqualValues(b, rows, d.Counts.Train+d.Counts.Validation)
		peak := worker.memory("VmHWM")
		b.ReportMetric(rows/took.Seconds(), "rows/s")
		b.ReportMetric(float64(d.Files[0].Size+d.Files[1].Size)/took.Seconds()/1e6, "MB/s")
		b.ReportMetric(float64(peak)/1024, "MiB-peak-RSS")
		require.Less(b, peak, exportPeak)
		u.delete("/api/ai/datasets/" + d.ID.String()).want(http.StatusNoContent)
	}
	require.Len(b, p.recorded(tasks.Export.Name), b.N)
}

// exported waits for a dataset of many conversations, for as long as that takes.
func (u user) exported(b *testing.B, id uuid.UUID) (d api.Dataset) {
	b.Helper()
	require.Eventually(b, func() bool {
		d = u.dataset(id)
		return d.State != datasets.Building
	}, time.Hour, 100*time.Millisecond)
	require.Equal(b, datasets.Ready, d.State, "%v", d.Reason)
	return d
}
