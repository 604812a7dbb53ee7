package api_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// BenchmarkIdleStreams holds 2,000 open event streams, each of a job of its own, and reports what one costs the process:
// Go's heap and stacks, the client's end included, as it lives in the same process. The kernel's buffers are not in it.
func BenchmarkIdleStreams(b *testing.B) {
	const streams = 2000
	s := newHouse(b).open(api.Config{Heartbeat: time.Hour})
	ada := s.user()
	var jobs []uuid.UUID
	require.NoError(b, db.InTx(b.Context(), s.pool, func(tx pgx.Tx) error {
		jobs = nil
		for range streams {
			job, err := queue.Enqueue(b.Context(), tx, tasks.Infer, tasks.InferArgs{}, queue.By(ada.id),
				queue.At(time.Now().Add(time.Hour)))
			if err != nil {
				return err
			}
			jobs = append(jobs, job.ID)
		}
		return nil
	}))
	for b.Loop() {
		before := inUse()
		conns := make([]net.Conn, streams)
		buf := make([]byte, 64)
		for i := range conns {
			conn, err := net.Dial("tcp", s.addr)
			require.NoError(b, err)
			_, err = fmt.Fprintf(conn, "GET /api/jobs/%s/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
				jobs[i], ada.tokens.AccessToken)
			require.NoError(b, err)
			_, err = io.ReadFull(conn, buf) // the answer has begun
			require.NoError(b, err)
			require.Contains(b, string(buf), "200 OK")
			conns[i] = conn
		}
		b.ReportMetric(float64(inUse()-before)/streams, "B/stream")
		for _, conn := range conns {
			require.NoError(b, conn.Close())
		}
	}
}

// inUse is what Go's heap and stacks take up.
func inUse() int64 {
	var m runtime.MemStats
	for range 3 { // what pools hold goes with the second collection
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
