package batch_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rohrpost/internal/batch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func double(sizes *[]int, hold <-chan struct{}) batch.Func[int, int] {
	return func(_ context.Context, asked []int) ([]int, error) {
		*sizes = append(*sizes, len(asked))
		if hold != nil {
			<-hold
		}
		out := make([]int, len(asked))
		for i, n := range asked {
			out[i] = 2 * n
		}
		return out, nil
	}
}

func TestALoneCallGoesAtOnceAndThoseThatComeMeanwhileGoTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		hold := make(chan struct{})
		g := batch.New(8, time.Minute, double(&sizes, hold))
		var calls sync.WaitGroup
		for i := range 20 {
			calls.Go(func() {
				out, err := g.Do(i)
				require.NoError(t, err)
				require.Equal(t, 2*i, out)
			})
			if i == 0 {
				synctest.Wait()
				require.Equal(t, []int{1}, sizes)
			}
		}
		synctest.Wait()
		require.Equal(t, 19, g.Len())
		close(hold)
		calls.Wait()
		require.NoError(t, g.Wait(t.Context()))
		require.Equal(t, []int{1, 8, 8, 3}, sizes)
	})
}

func TestAnErrorAnswersAllOfAnExchangeAndNoneAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		first := true
		g := batch.New(8, time.Minute, func(_ context.Context, asked []int) ([]int, error) {
			if first {
				first = false
				return nil, broken
			}
			return asked, nil
		})
		_, err := g.Do(1)
		require.ErrorIs(t, err, broken)
		out, err := g.Do(2)
		require.NoError(t, err)
		require.Equal(t, 2, out)
	})
}

func TestAnExchangeHasItsOwnTimeAndMustAnswerEverybody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := batch.New(8, time.Second, func(ctx context.Context, _ []int) ([]int, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		_, err := slow.Do(1)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		short := batch.New(8, time.Second, func(context.Context, []int) ([]int, error) { return nil, nil })
		_, err = short.Do(1)
		require.EqualError(t, err, "0 answers to 1 calls")
	})
}
