package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/db/dbtest"
	"rohrpost/internal/blob"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/devstack/stacktest"
)

func TestTheProcessesOfTheProcfileWorkTogetherAndStopInOrder(t *testing.T) {
	t.Parallel()
	// Given servers that run elsewhere, and an empty database
	storage, err := blob.FileURL(t.TempDir())
	require.NoError(t, err)
	env := []string{
		"DATABASE_URL=" + dbtest.Empty(t), "REDIS_URL=" + stacktest.Redis(t).URL(), "BLOB_URL=" + storage,
		"CLAMD_ADDRESS=" + stacktest.Clamd(t).Address(), "OLLAMA_HOST=" + stacktest.Ollama(t).URL(),
		"AI_MODEL=" + stacktest.ModelSay, "AUTH_SECRET=" + strings.Repeat("s", 32),
		"API_ADDR=127.0.0.1:0", "METRICS_ADDR=127.0.0.1:0", "ADMIN_PASSWORD=correct horse battery",
	}
	// When the schema is migrated, an administrator is made and each process is started
	require.NoError(t, rohrpost(t, env, "migrate").Run())
	require.NoError(t, rohrpost(t, env, "admin create ada@example.org").Run())
	api := start(t, env, "api")
	others := []*running{start(t, env, "worker --queues files=4,ai=2"), start(t, env, "scheduler")}
	// Then a question that the api took is answered by the worker
	at := api.said("api", "url")
	login := post(t, at+"/api/auth/login", "", `{"email":"ada@example.org","password":"correct horse battery"}`)
	token, _ := login["access_token"].(string)
	require.NotEmpty(t, token, login)
	query := post(t, at+"/api/ai/query", token, `{"prompt":"hello"}`)
	require.Contains(t, get(t, at+query["events_url"].(string), token), stacktest.SayText[:5])
	// And another api, in the middle of an upload, waits for it when it is told to stop, and ends at once the second time
	second := start(t, env, "api")
	beginUpload(t, strings.TrimPrefix(second.said("api", "url"), "http://"), token)
	require.NoError(t, second.cmd.Process.Signal(syscall.SIGINT))
	second.said("stopping; a second signal stops at once", "signal")
	require.NoError(t, second.cmd.Process.Signal(syscall.SIGINT))
	var exit *exec.ExitError
	require.ErrorAs(t, second.wait(), &exit)
	require.Equal(t, terminal.Interrupted, exit.ExitCode(), second.log())
	// And each of the others ends in order when it is told to
	for _, p := range append(others, api) {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		require.NoError(t, p.wait(), p.log())
	}
}

// rohrpost is this test binary as rohrpost, with env and nothing else of our environment that it would read.
func rohrpost(t *testing.T, env []string, args string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(env, argsEnv+"="+args, "HOME="+t.TempDir(), "PATH="+os.Getenv("PATH"))
	return cmd
}

// running is a process and what it logs.
type running struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan error

	mu    sync.Mutex // guards lines
	lines []map[string]any
	more  chan struct{}
}

func launch(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	p := &running{t: t, cmd: cmd, done: make(chan error, 1), more: make(chan struct{}, 1)}
	out, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		for in := bufio.NewScanner(out); in.Scan(); {
			var line map[string]any
			if json.Unmarshal(in.Bytes(), &line) != nil {
				line = map[string]any{"msg": in.Text()}
			}
			p.mu.Lock()
			p.lines = append(p.lines, line)
			p.mu.Unlock()
			select {
			case p.more <- struct{}{}:
			default:
			}
		}
	}()
	go func() {
		<-read
		p.done <- cmd.Wait()
	}()
	return p
}

// start launches a long-running subcommand and waits until it is ready.
func start(t *testing.T, env []string, args string) *running {
	t.Helper()
	p := launch(t, rohrpost(t, env, args))
	p.said("ready", "process")
	return p
}

// said waits for a line of the log and returns one of its attributes.
func (p *running) said(msg, attr string) string {
	p.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		p.mu.Lock()
		for _, line := range p.lines {
			if value, ok := line[attr].(string); ok && line["msg"] == msg {
				p.mu.Unlock()
				return value
			}
		}
		p.mu.Unlock()
		select {
		case <-p.more:
		case err := <-p.done:
			p.t.Fatalf("it ended: %v\n%s", err, p.log())
		case <-deadline:
			p.t.Fatalf("it did not say %q\n%s", msg, p.log())
		}
	}
}

func (p *running) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out bytes.Buffer
	json.NewEncoder(&out).Encode(p.lines)
	return out.String()
}

func (p *running) wait() error {
	select {
	case err := <-p.done:
		return err
	case <-time.After(closeWithin + patience):
		p.cmd.Process.Kill()
		p.t.Fatalf("it did not end\n%s", p.log())
		return nil
	}
}

func post(t *testing.T, url, token, body string) map[string]any {
	t.Helper()
	var answer map[string]any
	require.NoError(t, json.Unmarshal([]byte(ask(t, http.MethodPost, url, token, body)), &answer))
	return answer
}

func get(t *testing.T, url, token string) string {
	t.Helper()
	return ask(t, http.MethodGet, url, token, "")
}
