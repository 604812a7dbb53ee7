package api_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/accounts"
	"rohrpost/internal/ai"
	"rohrpost/internal/backup"
	"rohrpost/internal/blob"
	"rohrpost/internal/datasets"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/files"
	"rohrpost/internal/mail"
	"rohrpost/internal/openai"
	"rohrpost/internal/operations"
	"rohrpost/internal/queue"
	"rohrpost/internal/reports"
	"rohrpost/internal/scaling"
	"rohrpost/internal/schedule"
	"rohrpost/internal/stream"
	"rohrpost/internal/tuning"
	"rohrpost/internal/tuning/tuningtest"
	"rohrpost/tasks"
)

const (
	patience = 30 * time.Second // how long a test waits for what must happen
	maxBytes = 1 << 20          // of an upload
	password = "correct horse battery"
)

// house is everything that api processes stand on: a database, a Redis and a storage of their own.
type house struct {
	t       testing.TB
	pool    *db.Pool
	redis   *devstack.Redis
	rdb     redis.UniversalClient
	folder  string
	bucket  *blob.Bucket
	engine  *queue.Engine
	events  *stream.Log
	reports *reports.Service
	scaling *scaling.Service
	stream  stream.Config
	files   files.Config
	backup  backup.Config
	mail    *mail.Service // nil where none is sent
	ollama  string        // the model server; nobody is there if it is empty
	tuner   string        // the tuning service; none if it is empty
}

func newHouse(t testing.TB) *house {
	t.Helper()
	return newHouseOn(t, t.TempDir())
}

// newHouseOn is a house whose storage is in a folder.
func newHouseOn(t testing.TB, folder string) *house {
	t.Helper()
	logging.Disable() // go-redis tells of every connection that the tests cut
	h := &house{
		t: t, pool: dbtest.New(t), redis: stacktest.Redis(t), folder: folder, files: files.Config{MaxBytes: maxBytes},
	}
	h.rdb = h.client()
	h.events = stream.New(h.rdb, stream.Config{})
	address, err := blob.FileURL(h.folder)
	require.NoError(t, err)
	h.bucket, err = blob.Open(t.Context(), blob.Config{URL: address})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.bucket.Close() })
	h.engine = queue.NewEngine(h.pool, h.rdb, h.events, queue.Config{}, h.log(), nil)
	h.reports, err = reports.New(reports.Deps{
		Pool: h.pool, Files: files.New(h.pool, h.bucket, h.files, h.log()), Events: h.events, Log: h.log(),
	}, reports.Config{})
	require.NoError(t, err)
	h.scaling, err = scaling.New(h.pool, scaling.Config{})
	require.NoError(t, err)
	h.reports.Follow(h.engine)
	h.engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(h.engine.Stop)
	return h
}

func (h *house) client() redis.UniversalClient {
	h.t.Helper()
	options, err := redis.ParseURL(h.redis.URL())
	require.NoError(h.t, err)
	c := redis.NewClient(options)
	h.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (h *house) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
}

// infer runs the ai:infer jobs with answer until the test ends, in place of a model.
func (h *house) infer(answer func(ctx context.Context, run *queue.Run) (any, error)) {
	h.t.Helper()
	mux := queue.NewMux()
	queue.Handle(mux, tasks.Infer, func(ctx context.Context, job *queue.Job[tasks.InferArgs]) (any, error) {
		return answer(ctx, job.Run)
	})
	runner := queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: map[string]int{tasks.AI: 1}, Poll: 5 * time.Millisecond, Grace: 100 * time.Millisecond})
	require.NoError(h.t, runner.Start(h.t.Context()))
	h.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(h.t, runner.Stop(ctx))
	})
}

// site is one api process.
type site struct {
	*house
	url      string
	addr     string
	accounts *accounts.Service
	server   *api.Server
	client   *http.Client
	stop     func()
}

func newSite(t testing.TB) *site { return newHouse(t).open(api.Config{}) }

// open starts an api process.
func (h *house) open(cfg api.Config) *site {
	h.t.Helper()
	if cfg.LoginBurst == 0 {
		cfg.LoginBurst = 1000
	}
	// The usual strength takes the race detector most of a second for each login.
	opts := []accounts.Option{accounts.Hashing(argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16,
		KeyLength: 32})}
	if h.mail != nil {
		opts = append(opts, accounts.Through(h.mail))
	}
	users, err := accounts.New(h.pool, accounts.Config{Secret: strings.Repeat("test", 8)}, opts...)
	require.NoError(h.t, err)
	remote, err := openai.New(openai.Config{URL: h.tuner, APIKey: tuningtest.Key})
	require.NoError(h.t, err)
	h.t.Cleanup(remote.Close)
	answers, err := ai.New(h.pool, ai.Config{
		OllamaHost: cmp.Or(h.ollama, "127.0.0.1:1"), DefaultModel: "tiny", MaxPromptBytes: 1000,
	}, ai.Through(remote))
	require.NoError(h.t, err)
	h.t.Cleanup(answers.Close)
	exports, err := datasets.New(h.pool, h.bucket, datasets.Config{}, h.log())
	require.NoError(h.t, err)
	backups, err := backup.New(h.t.Context(), backup.Deps{Pool: h.pool, Content: h.bucket, Log: h.log()}, h.backup)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = backups.Close() })
	mails := h.mail
	if mails == nil {
		mails, err = mail.New(h.pool, mail.Config{}, h.log())
		require.NoError(h.t, err)
	}
	models, err := tuning.New(tuning.Deps{
		Pool: h.pool, Datasets: exports, AI: answers, Remote: remote, Log: h.log(),
	}, tuning.Config{})
	require.NoError(h.t, err)
	hub := stream.NewHub(h.rdb, h.stream, nil, h.log())
	hub.Start(context.WithoutCancel(h.t.Context()))
	uploads := files.New(h.pool, h.bucket, h.files, h.log())
	server, err := api.New(api.Deps{
		Pool: h.pool, Accounts: users, Files: uploads, AI: answers, Engine: h.engine, Hub: hub, Redis: h.rdb,
		Log: h.log(), Schedules: schedule.New(h.pool, tasks.Schedulable(), h.log()),
		Operations: operations.New(h.pool, h.engine, h.log()), DeadLetter: deadletter.New(h.pool, h.engine),
		Datasets: exports, Backups: backups, Reports: h.reports, Mail: mails, Tuning: models, Scaling: h.scaling,
	}, cfg)
	require.NoError(h.t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(h.t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	transport := &http.Transport{}
	s := &site{
		house: h, addr: ln.Addr().String(), url: "http://" + ln.Addr().String(), accounts: users, server: server,
		client: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
	}
	var stopped atomic.Bool
	s.stop = func() {
		if stopped.Swap(true) {
			return
		}
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(h.t, server.Shutdown(ctx))
		require.NoError(h.t, <-served)
		hub.Stop()
	}
	h.t.Cleanup(s.stop)
	return s
}

// user is somebody who is logged in.
type user struct {
	id     uuid.UUID
	email  string
	tokens api.Tokens
}

var users atomic.Int64

func (s *site) user() user {
	s.t.Helper()
	u := user{email: fmt.Sprintf("user%d@example.org", users.Add(1))}
	made, err := s.accounts.Register(s.t.Context(), u.email, "Somebody", password)
	require.NoError(s.t, err)
	u.id = made.ID
	s.send(request{path: "/api/auth/login", json: api.Credentials{Email: u.email, Password: password}}).
		want(http.StatusOK).into(&u.tokens)
	return u
}

// request is what a test sends. method is GET, or POST if there is a body.
type request struct {
	method, path string
	as           *user
	json         any    // encoded as the body
	body         string // sent as it is
	media        string // of body
	header       map[string]string
}

// answer is what came back, checked against the contract.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

func (s *site) send(r request) *answer {
	s.t.Helper()
	a, err := s.try(r)
	require.NoError(s.t, err)
	return a
}

func (s *site) try(r request) (*answer, error) {
	if r.json != nil {
		raw, err := json.Marshal(r.json)
		if err != nil {
			return nil, err
		}
		r.body, r.media = string(raw), "application/json"
	}
	if r.method == "" {
		r.method = http.MethodGet
		if r.body != "" {
			r.method = http.MethodPost
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, r.method, s.url+r.path, strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	if r.media != "" {
		req.Header.Set("Content-Type", r.media)
	}
	if r.as != nil {
		req.Header.Set("Authorization", "Bearer "+r.as.tokens.AccessToken)
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	a := &answer{t: s.t, status: res.StatusCode, header: res.Header, body: raw}
	return a, obeysContract(req, a)
}

func (a *answer) want(status int) *answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, "%s", a.body)
	return a
}

func (a *answer) into(v any) {
	a.t.Helper()
	reflect.ValueOf(v).Elem().SetZero() // an optional field that isn't answered keeps what v had, also in a slice's place
	require.NoError(a.t, json.Unmarshal(a.body, v), "%s", a.body)
}

// problem checks that the answer is a complete problem document with this code.
func (a *answer) problem(status int, code string) api.Problem {
	a.t.Helper()
	require.Equal(a.t, "application/problem+json", a.header.Get("Content-Type"), "%d %s", a.status, a.body)
	var p api.Problem
	a.into(&p)
	require.Equal(a.t, code, p.Code, "%s", a.body)
	require.Equal(a.t, status, a.status, "%s", a.body)
	require.Equal(a.t, status, p.Status)
	require.NotEmpty(a.t, p.Detail)
	require.NotEmpty(a.t, p.Title)
	require.Equal(a.t, a.header.Get("X-Request-Id"), p.RequestID)
	_, err := uuid.Parse(p.RequestID)
	require.NoError(a.t, err)
	return p
}

// form is a multipart body, field by field: name, file name (none if empty), content.
func form(fields ...[3]string) (body, media string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		if f[1] == "" {
			_ = w.WriteField(f[0], f[2])
			continue
		}
		part, _ := w.CreateFormFile(f[0], f[1])
		_, _ = part.Write([]byte(f[2]))
	}
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

func (s *site) upload(u user, name, content string, header ...string) *answer {
	s.t.Helper()
	body, media := form([3]string{"file", name, content})
	r := request{path: "/api/files", as: &u, body: body, media: media, header: map[string]string{}}
	for i := 0; i < len(header); i += 2 {
		r.header[header[i]] = header[i+1]
	}
	return s.send(r)
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(), sql, args...).Scan(&n))
	return n
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(h.t.Context(), sql, args...)
	require.NoError(h.t, err)
}

// eventually waits until ok, looking again and again.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, patience, 10*time.Millisecond, what)
}
