package acceptance

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/db/dbtest"
	"rohrpost/internal/blob"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/devstack/tinygguf"
)

const (
	patience = 60 * time.Second      // how long a test waits for what must happen
	look     = 20 * time.Millisecond // how often it looks, where nobody tells
	password = "correct horse battery"
)

// settings are environment variables of the processes.
type settings map[string]string

// place is what the processes of a test share: a database, a Redis and a storage of their own.
type place struct {
	t       testing.TB
	redis   *devstack.Redis
	storage string
	env     settings
}

// open makes a place. What is set beyond the usual goes to every process.
func open(t testing.TB, more settings) *place {
	t.Helper()
	return openOn(t, dbtest.URL(t), more)
}

// openOn is open on a database of the test's own.
func openOn(t testing.TB, database string, more settings) *place {
	t.Helper()
	p := &place{t: t, redis: stacktest.Redis(t), storage: t.TempDir()}
	storage, err := blob.FileURL(p.storage)
	require.NoError(t, err)
	p.env = settings{
		"PATH": os.Getenv("PATH"), "TMPDIR": t.TempDir(),
		"DATABASE_URL": database, "REDIS_URL": p.redis.URL(), "BLOB_URL": storage,
		"CLAMD_ADDRESS": stacktest.Clamd(t).Address(),
		"OLLAMA_HOST":   stacktest.Ollama(t).URL(), "AI_MODEL": stacktest.ModelSay,
		"API_ADDR": "127.0.0.1:0", "METRICS_ADDR": "127.0.0.1:0",
		"AUTH_SECRET": strings.Repeat("acceptance", 4),
	}
	maps.Copy(p.env, more)
	return p
}

// with is the place as processes see it that have other settings.
func (p *place) with(more settings) *place {
	other := *p
	other.env = maps.Clone(p.env)
	maps.Copy(other.env, more)
	return &other
}

func (p *place) environ() []string {
	var env []string
	for name, value := range p.env {
		env = append(env, name+"="+value)
	}
	return env
}

func (p *place) api() *child { p.t.Helper(); return spawn(p.t, p.environ(), "api") }

func (p *place) scheduler() *child { p.t.Helper(); return spawn(p.t, p.environ(), "scheduler") }

func (p *place) worker(args ...string) *child {
	p.t.Helper()
	return spawn(p.t, p.environ(), append([]string{"worker"}, args...)...)
}

// command runs a subcommand that ends by itself.
func (p *place) command(more settings, args ...string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = p.with(more).environ()
	out, err := cmd.CombinedOutput()
	require.NoError(p.t, err, "%s", out)
}

// wipe is FLUSHALL.
func (p *place) wipe() {
	p.t.Helper()
	require.NoError(p.t, p.client().FlushAll(p.t.Context()).Err())
}

// client is for what an operator, or a bad day, does to Redis.
func (p *place) client() *redis.Client {
	p.t.Helper()
	options, err := redis.ParseURL(p.redis.URL())
	require.NoError(p.t, err)
	c := redis.NewClient(options)
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

// stored lists the files in the storage and in the processes' folder for temporary ones.
func (p *place) stored() []string {
	var found []string
	for _, dir := range []string{p.storage, p.env["TMPDIR"]} {
		for _, key := range blobtest.Keys(p.t, dir) {
			found = append(found, filepath.Join(dir, key))
		}
	}
	return found
}

// scanner gives the processes a clamd of their own, for a test that freezes it.
func (p *place) scanner() *frozen {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	clamd, err := stacktest.Own(p.t).StartClamd(ctx, devstack.ClamdOptions{OwnSignatures: true})
	require.NoError(p.t, err)
	p.env["CLAMD_ADDRESS"] = clamd.Address()
	return &frozen{p.t, clamd}
}

// frozen is a scanner that can be stopped in the middle of its work: it takes connections and says nothing.
type frozen struct {
	t     testing.TB
	clamd *devstack.Clamd
}

func (f *frozen) freeze() {
	f.t.Helper()
	require.NoError(f.t, syscall.Kill(f.clamd.Pid(), syscall.SIGSTOP))
}

func (f *frozen) thaw() {
	f.t.Helper()
	require.NoError(f.t, syscall.Kill(f.clamd.Pid(), syscall.SIGCONT))
}

var models atomic.Int64

// slowModel is a model of the test's own that goes on without end, at some 250 tokens a second: a model answers one
// question at a time, and tests beside this one must not wait in its line.
func slowModel(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	name := fmt.Sprintf("slow-%d", models.Add(1))
	require.NoError(t, stacktest.Ollama(t).CreateModel(ctx, name, tinygguf.Random(256, 4)))
	return name
}

// eventually waits until ok, looking again and again.
func eventually(t testing.TB, ok func() bool, what string, args ...any) {
	t.Helper()
	require.Eventuallyf(t, ok, patience, look, what, args...)
}
