package stream

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkIdleSubscriptions measures what 2,000 waiting readers of 2,000 streams cost: B/sub is the hub's share,
// B/waiting includes a goroutine that waits in Next.
func BenchmarkIdleSubscriptions(b *testing.B) {
	const readers = 2000
	srv := startRedis(b)
	for b.Loop() {
		hub := startHub(b, srv.client(), Config{})
		subscribe(b, hub, newJob(), "").Close() // connections and buffers are there
		subs := make([]*Subscription, readers)
		before := memory()
		for i := range subs {
			s, err := hub.Subscribe(context.Background(), newJob(), "")
			require.NoError(b, err)
			subs[i] = s
		}
		held := memory() - before
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{}, readers)
		for _, s := range subs {
			go func() { _, _ = s.Next(ctx); done <- struct{}{} }()
		}
		for runtime.NumGoroutine() < readers {
			runtime.Gosched()
		}
		waiting := memory() - before
		cancel()
		for range subs {
			<-done
		}
		hub.Stop()
		b.ReportMetric(float64(held)/readers, "B/sub")
		b.ReportMetric(float64(waiting)/readers, "B/waiting")
	}
}

// memory is what is in use on heap and stacks.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
