package usage_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/bench/usage"
)

func TestOurOwnWorkShows(t *testing.T) {
	t.Parallel()
	before, known, err := usage.Processor(os.Getpid())
	require.NoError(t, err)
	require.True(t, known)
	n := 0
	for until := time.Now().Add(50 * time.Millisecond); time.Now().Before(until); {
		n++
	}
	after, _, err := usage.Processor(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, after, before, "after counting to %d", n)
	bytes, known, err := usage.Memory(os.Getpid())
	require.NoError(t, err)
	require.True(t, known)
	require.Greater(t, bytes, 1<<20)
}

func TestAProcessThatIsNotThereIsUnknown(t *testing.T) {
	t.Parallel()
	_, known, err := usage.Processor(1 << 30)
	require.NoError(t, err)
	require.False(t, known)
}
