package cli

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/config"
)

const upWithin = 3 * time.Minute // on a machine that runs all packages' tests

func TestANewcomerFollowsTheTourTwice(t *testing.T) {
	t.Parallel()
	env := config.Env{"DATA_DIR": t.TempDir(), "API_ADDR": "127.0.0.1:0"}
	// Given a first start on an empty folder
	first := startDev(t, env)
	require.Regexp(t, `(?m)^  password  [A-Z2-7]{26}$`, first.text, "made up, and told once")
	require.Contains(t, first.text, "own test signatures")
	require.Contains(t, first.text, "/env.sh && "+os.Args[0]+" admin --help", "a program that a shell finds")
	// When the tour is pasted
	said := paste(t, first.commands())
	// Then the picture is scanned, the test virus taken, and the answer comes in tokens
	require.Contains(t, said, `"email":"ada@example.org"`)
	require.Contains(t, said, `"verdict":"clean"`)
	require.Contains(t, said, `"verdict":"infected"`)
	require.Contains(t, said, `data: {"token":"`)
	require.Contains(t, said, "data: [DONE]")
	// And some seconds later there are thumbnails, and the virus is in quarantine
	files := first.commands()[:1]
	for _, line := range first.commands() {
		if strings.HasPrefix(line, "auth=") || strings.HasSuffix(line, `/api/files -H "$auth"`) {
			files = append(files, line)
		}
	}
	require.Eventually(t, func() bool {
		said = paste(t, files)
		return strings.Contains(said, `"status":"quarantined"`) && strings.Count(said, "/thumbnails/") == 3
	}, upWithin, 200*time.Millisecond, "%s", said)
	first.stop()
	// When it is started again
	second := startDev(t, env, "--prometheus")
	// Then the password is not told again, and the account and its files are there
	require.NotRegexp(t, `(?m)^  password  [A-Z2-7]{26}$`, second.text)
	files[0] = second.commands()[0]
	require.Contains(t, paste(t, files), `"status":"quarantined"`)
	// And the Prometheus that was asked for knows the alerts
	watching := regexp.MustCompile(`(?m)^  metrics   (http://\S+)$`).FindStringSubmatch(second.text)
	require.NotNil(t, watching, second.text)
	require.Contains(t, paste(t, []string{"curl -sS " + watching[1] + "/api/v1/rules"}), `"name":"DatabaseDown"`)
	second.stop()
}

func TestTheReadmeHasTheTour(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, tour{URL: "http://127.0.0.1:8080", Sample: ".dev/sample.jpg"}.print(&out))
	_, commands, _ := strings.Cut(out.String(), "(bash):\n\n")
	require.Contains(t, string(readme), strings.TrimSpace(commands))
}

// dev is a running `rohrpost dev --tiny-model` in this process.
type dev struct {
	text string // what it printed
	stop func()
}

func startDev(t *testing.T, env config.Env, flags ...string) dev {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &printed{done: make(chan struct{})}
	ended := make(chan error, 1)
	root := shell{env: env, screen: screenOn(out), log: slog.New(slog.NewTextHandler(t.Output(), nil))}.root()
	root.SetArgs(append([]string{"dev", "--tiny-model"}, flags...))
	go func() { ended <- root.ExecuteContext(ctx) }()
	select {
	case <-out.done:
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	case <-time.After(upWithin):
		t.Fatal("it is not up")
	}
	stop := sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			require.NoError(t, err)
		case <-time.After(2 * closeWithin):
			require.NoError(t, pprof.Lookup("goroutine").WriteTo(t.Output(), 1))
			t.Fatal("it doesn't end")
		}
	})
	t.Cleanup(stop)
	return dev{out.text.String(), stop}
}

// printed is an output that takes one write, the tour, and tells when it came.
type printed struct {
	text bytes.Buffer
	done chan struct{}
}

func (p *printed) Write(b []byte) (int, error) {
	defer close(p.done)
	return p.text.Write(b)
}

func (d dev) commands() []string {
	_, commands, _ := strings.Cut(d.text, "(bash):\n\n")
	return strings.Split(strings.TrimSpace(commands), "\n")
}

// paste runs lines as a newcomer's shell would.
func paste(t *testing.T, lines []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), upWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", strings.Join(lines, "\n"))
	cmd.WaitDelay = time.Second // a curl that is left over has our pipe
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
