package acceptance

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	readyWithin = 30 * time.Second // a start takes 0.2 s, on a machine that does nothing else
	logShown    = 16 << 10         // bytes of a child's log that a failed test shows, the last ones
)

// child is a process of the program.
type child struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended
	log  childLog
}

// spawn starts the program and returns when it is ready. It is killed at the end of the test at the latest.
func spawn(t testing.TB, env []string, args ...string) *child {
	t.Helper()
	c := &child{t: t, name: args[0], cmd: exec.Command(program, args...), gone: make(chan struct{})}
	c.log.ready = make(chan struct{})
	c.cmd.Env, c.cmd.Stdout, c.cmd.Stderr = env, os.Stderr, &c.log
	dieWithUs(c.cmd)
	started := make(chan error)
	go func() {
		// The kernel watches the thread, not the process. This one is ours alone and ends after the child.
		runtime.LockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // told by ProcessState
			close(c.gone)
		}
	}()
	require.NoError(t, <-started)
	t.Cleanup(c.end)
	select {
	case <-c.log.ready:
	case <-c.gone:
		t.Fatalf("%s ended before it was ready", c.name)
	case <-time.After(readyWithin):
		t.Fatalf("%s is not ready", c.name)
	}
	return c
}

func (c *child) end() {
	c.kill()
	text := c.log.tail()
	if bytes.Contains(text, []byte("panic")) {
		c.t.Errorf("%s panicked", c.name)
	}
	if c.t.Failed() {
		_, _ = c.t.Output().Write(append([]byte("--- the last of "+c.name+":\n"), text...))
	}
}

// kill is kill -9.
func (c *child) kill() {
	c.signal(syscall.SIGKILL)
	<-c.gone
}

func (c *child) signal(sig syscall.Signal) { _ = c.cmd.Process.Signal(sig) } // it may have ended

// exit waits until the process has ended by itself and returns its exit code.
func (c *child) exit(within time.Duration) int {
	c.t.Helper()
	select {
	case <-c.gone:
	case <-time.After(within):
		c.t.Fatalf("%s did not end within %s", c.name, within)
	}
	return c.cmd.ProcessState.ExitCode()
}

func (c *child) running() bool {
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}

// url is where an api answers.
func (c *child) url() string { return c.log.url("api") }

// metrics is where the process shows its metrics.
func (c *child) metrics() string { return c.log.url("metrics") }

// usual are lines that tell a failed test nothing.
var usual = regexp.MustCompile(`"level":"INFO","msg":"(settings|request|stream)"`)

// childLog takes what a child writes to its log, and finds in it what a test needs to know.
type childLog struct {
	ready chan struct{} // closed with the line that says so
	mu    sync.Mutex    // guards the rest
	text  bytes.Buffer
	rest  []byte // the beginning of a line
	urls  map[string]string
	told  bool
}

func (l *childLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.rest = rest
		if !l.told {
			l.look(line)
		}
	}
}

func (l *childLog) look(line []byte) {
	var entry struct{ Msg, URL string }
	if json.Unmarshal(line, &entry) != nil {
		return
	}
	if entry.URL != "" {
		if l.urls == nil {
			l.urls = map[string]string{}
		}
		l.urls[entry.Msg] = entry.URL
	}
	if entry.Msg == "ready" {
		l.told = true
		close(l.ready)
	}
}

func (l *childLog) url(of string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.urls[of]
}

// has tells whether a text has been logged.
func (l *childLog) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Contains(l.text.Bytes(), []byte(text))
}

// tail is the end of the log, without the lines that tell of settings, of each request and of each stream.
func (l *childLog) tail() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	var text []byte
	for line := range bytes.Lines(l.text.Bytes()) {
		if !usual.Match(line) {
			text = append(text, line...)
		}
	}
	return text[max(0, len(text)-logShown):]
}
