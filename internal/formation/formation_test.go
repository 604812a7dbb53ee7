package formation_test

import (
	"bytes"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rohrpost/internal/formation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// heard is what processes and the log say.
type heard struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

func (h *heard) count(what string) int { return strings.Count(h.String(), what) }

// formed is a formation of one line, and what is heard of it.
func formed(t *testing.T, command string, grace time.Duration) (*formation.Formation, *heard) {
	t.Helper()
	h := &heard{}
	f := formation.New(formation.Options{
		Lines: []formation.Line{{"other", "false"}, {"w", command}}, Env: []string{"PATH=" + os.Getenv("PATH")}, Port: 7000,
		Grace: grace, Out: h, Log: slog.New(slog.NewTextHandler(h, nil)),
	})
	t.Cleanup(f.Close)
	return f, h
}

func (h *heard) await(t *testing.T, what string, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return h.count(what) >= n }, patience, 5*time.Millisecond, "%s", h)
}

// waiting says its port, and when it is told to stop.
const waiting = `trap 'echo bye $PORT; exit' TERM; echo hello $PORT; while :; do sleep 0.05; done`

func TestAsManyRunAsAreKept(t *testing.T) {
	t.Parallel()
	f, h := formed(t, waiting, patience)
	require.NoError(t, f.Keep("w", 3))
	h.await(t, "hello", 3)
	for _, line := range []string{"w.1 | hello 7100\n", "w.2 | hello 7101\n", "w.3 | hello 7102\n"} {
		require.Contains(t, h.String(), line)
	}
	require.Equal(t, 3, f.Count("w"))
	// Fewer: the youngest end, in their orderly way
	require.NoError(t, f.Keep("w", 1))
	require.Equal(t, 1, f.Count("w"))
	h.await(t, "bye", 2)
	require.Contains(t, h.String(), "w.3 | bye 7102\n")
	require.NotContains(t, h.String(), "bye 7100")
	// More again, and what is kept already stays
	require.NoError(t, f.Keep("w", 2))
	h.await(t, "hello", 4)
	require.Equal(t, 1, h.count("hello 7100"))
	// The end
	f.Close()
	require.Contains(t, h.String(), "w.1 | bye 7100\n")
	require.Equal(t, 4, h.count("bye"))
	require.Error(t, f.Keep("w", 1))
	f.Close()
}

func TestWhatEndsByItselfIsStartedAgainLaterEachTime(t *testing.T) {
	t.Parallel()
	f, h := formed(t, "echo oh; exit 7", patience)
	require.NoError(t, f.Keep("w", 1))
	h.await(t, `end="exit status 7"`, 3)
	require.Equal(t, 3, h.count("w.1 | oh\n"))
	require.Equal(t, 1, f.Count("w"), "it is kept")
	var pauses []time.Duration
	for _, match := range regexp.MustCompile(`after=(\S+)`).FindAllStringSubmatch(h.String(), -1) {
		pause, err := time.ParseDuration(match[1])
		require.NoError(t, err)
		pauses = append(pauses, pause)
	}
	require.IsIncreasing(t, pauses)
}

func TestWhatDoesNotStopIsKilled(t *testing.T) {
	t.Parallel()
	f, h := formed(t, `trap '' TERM; echo hello; while :; do sleep 0.05; done`, 100*time.Millisecond)
	require.NoError(t, f.Keep("w", 1))
	h.await(t, "w.1 | hello", 1)
	require.NoError(t, f.Keep("w", 0))
	h.await(t, "process killed", 1)
	f.Close()
}

func TestWhatIsNotThereIsNotKept(t *testing.T) {
	t.Parallel()
	f, _ := formed(t, "true", patience)
	require.Error(t, f.Keep("none", 1))
	require.Error(t, f.Keep("w", -1))
	require.Error(t, f.Keep("w", 101))
}

func TestAProcfileIsRead(t *testing.T) {
	t.Parallel()
	lines, err := formation.Procfile(strings.NewReader("# ours\n\napi: exec api --on $PORT\n  worker-ai:worker --queues ai=1 \n"))
	require.NoError(t, err)
	require.Equal(t, []formation.Line{{"api", "exec api --on $PORT"}, {"worker-ai", "worker --queues ai=1"}}, lines)
	for wrong, says := range map[string]string{
		"api": "line 1", "api:": "line 1", "a b: c": "line 1", "a: b\n: c": "line 2", "a: b\na: c": "names a a second time",
	} {
		_, err := formation.Procfile(strings.NewReader(wrong))
		require.ErrorContains(t, err, says, wrong)
	}
	ours, err := os.Open("../../Procfile")
	require.NoError(t, err)
	defer ours.Close()
	lines, err = formation.Procfile(ours)
	require.NoError(t, err)
	require.Len(t, lines, 7)
}
