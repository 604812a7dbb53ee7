package terminal

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// pty opens a terminal of so many columns: what a program sees, and the side where a person sits.
func pty(t testing.TB, columns int) (program, human *os.File) {
	t.Helper()
	human, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { human.Close() })
	fd := int(human.Fd())
	require.NoError(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)}))
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { program.Close() })
	return program, human
}

// seen is all that a person sees up to and with this.
func seen(t testing.TB, human io.Reader, last string) string {
	t.Helper()
	var all bytes.Buffer
	for !strings.Contains(all.String(), last) {
		some := make([]byte, 1024)
		n, err := human.Read(some)
		require.NoError(t, err, "%s", all.String())
		all.Write(some[:n])
	}
	return all.String()
}

func TestARealTerminalIsFittedAskedAndTypedOnBlindly(t *testing.T) {
	t.Parallel()
	program, human := pty(t, 60)
	s := New(program, program, program)
	require.Equal(t, 60, s.Width)
	require.Equal(t, 60, s.BarWidth)
	require.True(t, s.Asks)
	// A table has lines of its width
	Table(s, people, []person{{"1", "Ada", strings.Repeat("letters ", 20)}})
	rows := strings.Split(seen(t, human, "…"), "\r\n")
	require.LessOrEqual(t, uniseg.StringWidth(rows[len(rows)-1]), 60)
	// A bar has room, too
	g := s.Gauge()
	g.Show(Reading{Done: 1, Total: 200, Text: strings.Repeat("long ", 50)})
	bar := seen(t, human, "(1/200)")
	g.Close()
	require.NotContains(t, bar, "\n")
	// A question is answered by typing
	_, err := human.WriteString("y\n")
	require.NoError(t, err)
	require.NoError(t, s.Confirm(t.Context(), false, "It is deleted."))
	require.Contains(t, seen(t, human, "[y/N]"), "It is deleted. Go on?")
	// And a password is typed without being seen
	typed := make(chan string, 1)
	go func() {
		secret, err := s.Secret(t.Context(), "Password: ")
		if err != nil {
			secret = err.Error()
		}
		typed <- secret
	}()
	seen(t, human, "Password: ")
	require.Eventually(t, func() bool {
		state, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
		return err == nil && state.Lflag&unix.ECHO == 0
	}, 10*time.Second, time.Millisecond, "what is typed is not shown")
	_, err = human.WriteString("letmein\n")
	require.NoError(t, err)
	require.Equal(t, "letmein", <-typed)
	s.Hint("done")
	require.NotContains(t, seen(t, human, "done"), "letmein")
}

func TestAFileIsNoTerminal(t *testing.T) {
	t.Parallel()
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	s := New(file, file, file)
	require.Zero(t, s.Width)
	require.Zero(t, s.BarWidth)
	require.False(t, s.Asks)
}
