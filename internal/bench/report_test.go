package bench

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/bench/trial"
)

func TestTheTableHasMediansTheirSpreadAndRatiosToTheBaseline(t *testing.T) {
	t.Parallel()
	runs := func(values ...float64) (made []trial.Values) {
		for _, v := range values {
			made = append(made, trial.Values{"rate": v})
		}
		return made
	}
	r := report{Bench: "jobs", Machine: machine{OS: "linux/amd64", Processors: 2, Go: "go1.26"}, Runs: 4, Baseline: "stock"}
	r.fill([]figure{{"rate", "drain, jobs/s"}, {"absent", "nobody has it"}, {"own", "one has it, ms"}}, []column{
		{"ours", append(runs(9000, 12000, 8000, 10000), trial.Values{"own": 0.0415})},
		{"stock", runs(5000, 4000, 6000)},
	})
	var out bytes.Buffer
	require.NoError(t, r.print(&out, false))
	require.Equal(t, `
linux/amd64, 2 processors, go1.26
median (least - greatest) of 4 runs; x is the ratio to stock

jobs            ours                   x     stock               x
drain, jobs/s   9500 (8000 - 12000)    1.90  5000 (4000 - 6000)  1.00
one has it, ms  0.042 (0.042 - 0.042)        -                   
`, out.String())
}
