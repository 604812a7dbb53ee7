package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/tasks"
)

func TestQueuesAreReadWithTheirWeights(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]map[string]int{
		"":               tasks.DefaultWeights(),
		"files=4,ai=2":   {"files": 4, "ai": 2},
		" ai , mail=10 ": {"ai": tasks.DefaultWeights()["ai"], "mail": 10},
	} {
		got, err := parseQueues(list)
		require.NoError(t, err, list)
		require.Equal(t, want, got, list)
	}
}

func TestAQueueThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for list, says := range map[string]string{
		"flies=4":     `"flies" is no queue; there are ai, critical, files, mail, maintenance, reports`,
		"files,":      `"" is no queue`,
		"files=0":     `the weight of files is "0", it may be 1 to 100`,
		"files=a":     `the weight of files is "a"`,
		"files=":      `the weight of files is ""`,
		"files=1000":  `it may be 1 to 100`,
		"ai=1,ai=2":   "names ai twice",
		"files=4;a=1": `the weight of files`,
	} {
		_, err := parseQueues(list)
		require.ErrorContains(t, err, says, list)
	}
}
