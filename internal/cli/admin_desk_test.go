package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"os/user"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/audit"
	"rohrpost/internal/blob"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/config"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	pollEvery     = 10 * time.Millisecond
	dispatchEvery = 50 * time.Millisecond
)

// desk is where an administrator sits: an installation, and a console beside it.
type desk struct {
	t     testing.TB
	env   config.Env
	pool  *db.Pool
	redis *devstack.Redis
	zone  *time.Location
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	storage, err := blob.FileURL(t.TempDir())
	require.NoError(t, err)
	d := &desk{t: t, redis: stacktest.Redis(t), zone: time.UTC}
	d.env = config.Env{"DATABASE_URL": dbtest.URL(t), "REDIS_URL": d.redis.URL(), "BLOB_URL": storage}
	d.pool, err = db.Open(t.Context(), db.Config{URL: d.env["DATABASE_URL"]}.ForCommand())
	require.NoError(t, err)
	t.Cleanup(d.pool.Close)
	return d
}

// said is what came of a command.
type said struct {
	t           testing.TB
	command     string
	code        int
	out, beside string
}

// admin runs `rohrpost admin` with these words, where nobody can be asked.
func (d *desk) admin(words ...string) said {
	d.t.Helper()
	return d.at(d.t.Context(), &terminal.Screen{In: strings.NewReader("")}, words...)
}

// at runs it on a screen, whose output is taken.
func (d *desk) at(ctx context.Context, screen *terminal.Screen, words ...string) said {
	d.t.Helper()
	var out, beside bytes.Buffer
	screen.Out, screen.Err, screen.Zone = &out, &beside, d.zone
	if to, ok := ctx.Value(heard{}).(io.Writer); ok {
		screen.Out, screen.Err = io.MultiWriter(&out, to), io.MultiWriter(&beside, to)
	}
	s := shell{env: d.env, screen: screen, log: slog.New(slog.DiscardHandler)}
	code := s.execute(ctx, append([]string{"admin"}, words...), func(err error) { require.NoError(d.t, err) })
	return said{d.t, strings.Join(words, " "), code, out.String(), beside.String()}
}

// heard is the key of a writer that gets to know what is said as it is.
type heard struct{}

// want wants an exit code.
func (s said) want(code int) said {
	s.t.Helper()
	require.Equal(s.t, code, s.code, "%s\n%s%s", s.command, s.out, s.beside)
	return s
}

// cells are those of a table, row by row, without the titles.
func (s said) cells() [][]string {
	s.t.Helper()
	rows := [][]string{}
	for i, line := range strings.Split(strings.TrimSuffix(s.out, "\n"), "\n") {
		if i > 0 {
			rows = append(rows, strings.Fields(line))
		}
	}
	return rows
}

// into reads a JSON document.
func (s said) into(v any) {
	s.t.Helper()
	reflect.ValueOf(v).Elem().SetZero() // an optional field that isn't answered keeps what v had, also in a slice's place
	dec := json.NewDecoder(strings.NewReader(s.out))
	require.NoError(s.t, dec.Decode(v), "%s: %s%s", s.command, s.out, s.beside)
	require.False(s.t, dec.More(), "one document: %s", s.out)
}

// list reads a page.
func (s said) list() (items []map[string]any, next string) {
	s.t.Helper()
	var page struct {
		Items []map[string]any `json:"items"`
		Next  string           `json:"next"`
	}
	s.want(terminal.OK).into(&page)
	require.NotNil(s.t, page.Items, "an empty list is one")
	return page.Items, page.Next
}

// event is a line of what was followed.
type event struct {
	Event string         `json:"event"`
	ID    string         `json:"id"`
	Data  map[string]any `json:"data"`
}

func (s said) events() []event {
	s.t.Helper()
	var events []event
	for line := range strings.Lines(s.out) {
		var e event
		require.NoError(s.t, json.Unmarshal([]byte(line), &e), line)
		events = append(events, e)
	}
	return events
}

// problem reads the error that programs get.
func (s said) problem() (code, message string) {
	s.t.Helper()
	var p struct {
		Error struct{ Code, Message string }
	}
	require.NoError(s.t, json.Unmarshal([]byte(s.beside), &p), s.beside)
	return p.Error.Code, p.Error.Message
}

// work has the jobs done that come up, each kind by a handler of the test's, until the test ends.
func (d *desk) work(handle func(mux *queue.Mux)) {
	d.t.Helper()
	d.workOn(func(mux *queue.Mux, _ house) { handle(mux) })
}

// workOn is work with handlers of the house that the worker has.
func (d *desk) workOn(handle func(mux *queue.Mux, h house)) {
	d.t.Helper()
	p := shell{env: d.env, log: slog.New(slog.DiscardHandler)}.newProcess()
	var cfg houseConfig
	require.NoError(d.t, p.load(houseNeeds, &cfg))
	ctx := context.WithoutCancel(d.t.Context())
	h, err := p.openHouse(ctx, cfg)
	require.NoError(d.t, err)
	d.t.Cleanup(func() { _ = p.close(nil) })
	mux := queue.NewMux()
	handle(mux, h)
	runner := queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: tasks.DefaultWeights(), Poll: 5 * time.Millisecond, Grace: 100 * time.Millisecond,
	})
	require.NoError(d.t, runner.Start(ctx))
	p.onClose("runner", runner.Stop)
	looking, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // what the scheduler does for jobs that another process enqueued
		defer close(done)
		for looking.Err() == nil {
			_ = h.engine.DispatchAll(looking)
			select {
			case <-time.After(dispatchEvery):
			case <-looking.Done():
			}
		}
	}()
	p.onClose("dispatch", func(context.Context) error { stop(); <-done; return nil })
}

// sweeps has every sweep done by fn.
func (d *desk) sweeps(fn func(ctx context.Context, job *queue.Job[tasks.SweepArgs]) (any, error)) {
	d.t.Helper()
	d.work(func(mux *queue.Mux) { queue.Handle(mux, tasks.Sweep, fn) })
}

// account makes one.
func (d *desk) account(email, role string) uuid.UUID {
	d.t.Helper()
	id, err := uuid.NewV7()
	require.NoError(d.t, err)
	_, err = db.New().InsertUser(d.t.Context(), d.pool, db.InsertUserParams{ID: id, Email: email, Name: "Some\x1b[2Jbody", Role: role})
	require.NoError(d.t, err)
	return id
}

func (d *desk) exec(sql string, args ...any) {
	d.t.Helper()
	_, err := d.pool.Exec(d.t.Context(), sql, args...)
	require.NoError(d.t, err)
}

func (d *desk) count(sql string, args ...any) (n int) {
	d.t.Helper()
	require.NoError(d.t, d.pool.QueryRow(d.t.Context(), sql, args...).Scan(&n))
	return n
}

// logged are the changes on record as "action target", the newest first, all by whoever runs the tests.
func (d *desk) logged() []string {
	d.t.Helper()
	entries, err := audit.List(d.t.Context(), d.pool, audit.Filter{Limit: 100})
	require.NoError(d.t, err)
	me, err := user.Current()
	require.NoError(d.t, err)
	host, err := os.Hostname()
	require.NoError(d.t, err)
	actions := []string{}
	for _, e := range entries {
		require.Equal(d.t, me.Username+"@"+host, e.ActorName)
		require.Nil(d.t, e.Actor)
		actions = append(actions, e.Action+" "+e.Target)
	}
	return actions
}

// job puts one on record.
func (d *desk) job(kind, state string) uuid.UUID {
	d.t.Helper()
	id, err := uuid.NewV7()
	require.NoError(d.t, err)
	d.exec(`INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, finished_at, error_code, error_message)
		VALUES ($1, $2, 'maintenance', '{}', $3, 5, $4, CASE WHEN $3 IN ('queued', 'running') THEN NULL ELSE now() END,
		CASE WHEN $3 = 'failed' THEN 'invalid' END, CASE WHEN $3 = 'failed' THEN 'It was' || chr(27) || '[2J wrong.' END)`,
		id, kind, state, queue.System)
	return id
}
