package chaos

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// desk is a bank whose orders are never entered anywhere.
func desk(least int64, perSecond float64) (*bank, *counter) {
	c := &counter{clerks: 1, most: 10, perSecond: perSecond}
	return &bank{counters: []*counter{c}, least: least, most: 1000, open: 1000, began: time.Now()}, c
}

func TestOrdersAreDueByTimeAndWaitForWhatIsUndone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, c := desk(5000, 100)
		for range 100 {
			_, count := b.next(t.Context(), c, 10)
			require.EqualValues(t, 10, count)
		}
		require.InDelta(t, 10, time.Since(b.began).Seconds(), 0.1, "1000 orders at 100 a second")

		var next sync.WaitGroup
		next.Go(func() { b.next(t.Context(), c, 10) })
		time.Sleep(time.Minute) // the bubble's: all 1000 are undone
		require.EqualValues(t, 1000, b.given)
		b.unfinished(0, 1000)
		next.Wait()
		require.EqualValues(t, 1010, b.given)
	})
}

func TestTheRestIsGivenAtOnceAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, c := desk(25, 1)
		b.finish()
		var all int64
		for {
			number, count := b.next(t.Context(), c, 1+rand.Int64N(c.most))
			if count == 0 {
				break
			}
			require.Equal(t, all, number)
			all += count
		}
		require.EqualValues(t, 25, all)
		require.Zero(t, time.Since(b.began))
	})
}

func TestNoMoreIsOpenThanEndsInAFewSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, c := desk(5000, 100)
		m := &meter{bank: b}
		for second := range 20 {
			b.unfinished(0, m.pace(done{time.Now(), int64(second * 100)}))
			time.Sleep(time.Second) // the bubble's
		}
		require.EqualValues(t, 400, b.open, "at 100 a second")
		for range 20 {
			b.unfinished(0, m.pace(done{time.Now(), 1900}))
			time.Sleep(time.Second)
		}
		require.EqualValues(t, leastOpen, b.open, "nothing ends")
		_, count := b.next(t.Context(), c, 500)
		require.EqualValues(t, leastOpen/2, count, "what would never fit is made smaller")
	})
}
