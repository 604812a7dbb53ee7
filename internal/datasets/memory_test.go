package datasets_test

import (
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/datasets"
)

// Not parallel: what other tests hold would count.
func TestAnExportHoldsLittleOfWhatItReads(t *testing.T) {
	h := open(t)
	const rows, most = 50_000, 20 << 20 // of some 40 MB of text, which would take the double
	h.exec(`INSERT INTO ai_queries (id, owner, job_id, model, prompt, answer, finish_reason)
		SELECT gen_random_uuid(), $1, gen_random_uuid(), 'tiny', 'Question ' || n, repeat(md5(n::text) || ' ', 20), 'stop'
		FROM generate_series(1, $2) n`, h.me.ID, rows)
	runtime.GC()
	before, collections := live(), collected()
	stop := make(chan struct{})
	var peak uint64
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				peak = max(peak, live())
			case <-stop:
				return
			}
		}
	})
	done := sync.OnceFunc(func() { close(stop); watch.Wait() })
	t.Cleanup(done)
	made := h.create(h.me, spec(func(s *datasets.Spec) { s.ValidationShare = 0.1 }))
	var d datasets.Dataset
	for deadline := time.After(5 * patience); d.State != datasets.Ready; { // with the race detector, on a busy machine
		select {
		case <-deadline:
			require.FailNow(t, "not ready", d.State)
		case <-time.After(50 * time.Millisecond):
		}
		var err error
		d, err = h.Get(h.ctx(), h.me, made.ID)
		require.NoError(t, err)
	}
	done()
	require.Equal(t, int64(rows), d.Counts.Train+d.Counts.Validation)
	require.Greater(t, d.Files[0].Size+d.Files[1].Size+d.Files[2].Size, int64(35<<20))
	t.Logf("live heap: %d KiB before, %d KiB at most in %d collections", before>>10, peak>>10, collected()-collections)
	require.Greater(t, collected(), collections+3, "or nothing was measured")
	require.Less(t, peak, before+most)
}

func collected() uint32 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.NumGC
}

// live is how much the last collection found to be in use, in bytes.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
