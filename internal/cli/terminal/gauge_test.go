package terminal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABarIsWrittenOverAndGone(t *testing.T) {
	t.Parallel()
	s, out, beside := look(100)
	g := s.Gauge()
	g.Show(Reading{Text: "waits"})
	require.Contains(t, beside.String(), "waits")
	g.Show(Reading{Done: 512, Total: 2048, Bytes: true, Text: "copies \x1b[2J"})
	require.Contains(t, beside.String(), `copies \x1b[2J  25%`)
	require.Contains(t, beside.String(), "(512 B/2.0 KiB")
	g.Note("runs again")
	g.Show(Reading{Done: 9, Total: 4, Text: "more than all"})
	require.Contains(t, beside.String(), "(3/4)", "it is over when the job is")
	g.Show(Reading{Done: 9, Total: 40, Text: strings.Repeat("long ", 50)})
	g.Close()
	g.Close()
	require.True(t, strings.HasSuffix(beside.String(), "\x1b[2K\r"), "the bar is gone: %q", beside)
	require.Contains(t, beside.String(), "runs again\n")
	require.Empty(t, out.String())
}

func TestWhereNothingCanBeWrittenOverProgressIsALineNowAndThen(t *testing.T) {
	t.Parallel()
	s, _, beside := look(0)
	g := s.Gauge()
	g.Spin("waits")
	g.Show(Reading{Done: 1, Total: 4, Text: "rooms"})
	g.Show(Reading{Done: 2, Total: 4, Text: "rooms"}) // too soon
	g.Note("runs again")
	g.Close()
	require.Equal(t, "rooms: 25 % (1 of 4)\nruns again\n", beside.String())
	require.Equal(t, "50 % (1.0 KiB of 2.0 KiB)", Reading{Done: 1 << 10, Total: 2 << 10, Bytes: true}.line())
	require.Equal(t, "waits", Reading{Text: "waits"}.line())
}
