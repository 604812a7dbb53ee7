package ai

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// post is a whole installation around a model server: database, Redis, engine, worker and readers.
type post struct {
	t       testing.TB
	pool    *db.Pool
	engine  *queue.Engine
	hub     *stream.Hub
	service *Service
	owner   uuid.UUID
}

// newPost opens one whose questions go to the server at host. Its retries come quickly.
func newPost(t testing.TB, host string, cfg Config, through ...Option) *post {
	t.Helper()
	p := &post{t: t, pool: dbtest.New(t), owner: uuid.New()}
	_, err := p.pool.Exec(t.Context(),
		`INSERT INTO users (id, email, name, password_hash) VALUES ($1, 'a@example.org', 'A', '')`, p.owner)
	require.NoError(t, err)
	opts, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { require.NoError(t, rdb.Close()) })

	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	quick := queue.Config{RetryBase: 50 * time.Millisecond, RetryCap: 200 * time.Millisecond}
	p.engine = queue.NewEngine(p.pool, rdb, stream.New(rdb, stream.Config{}), quick, log, nil)
	cfg.OllamaHost = host
	p.service, err = New(p.pool, cfg, through...)
	require.NoError(t, err)
	t.Cleanup(p.service.Close)
	p.service.Follow(p.engine)
	p.engine.Start(context.Background())
	t.Cleanup(p.engine.Stop)
	p.schedule()

	mux := queue.NewMux()
	queue.Handle(mux, tasks.Infer, p.service.Infer)
	runner := queue.NewRunner(p.engine, mux, queue.RunnerConfig{
		Queues: map[string]int{tasks.AI: 1}, Heartbeat: 200 * time.Millisecond, Poll: 5 * time.Millisecond,
		Grace: 200 * time.Millisecond,
	})
	require.NoError(t, runner.Start(t.Context()))
	t.Cleanup(func() { _ = runner.Stop(context.Background()) })

	p.hub = stream.NewHub(rdb, stream.Config{}, nil, log)
	p.hub.Start(context.Background())
	t.Cleanup(p.hub.Stop)
	return p
}

// schedule does what the scheduler does for dispatching.
func (p *post) schedule() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = p.engine.DispatchAll(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	p.t.Cleanup(func() { cancel(); wg.Wait() })
}

func (p *post) ask(q Question) (query db.AIQuery, job db.Job) {
	p.t.Helper()
	require.NoError(p.t, db.AtOnce(p.t.Context(), p.pool, func(w *db.Writes) (err error) {
		job, err = p.service.Ask(p.t.Context(), w, p.owner, q)
		return err
	}))
	return p.query(job.ID), job
}

// refused is the error of a question that is not even recorded.
func (p *post) refused(q Question) error {
	p.t.Helper()
	_, err := p.service.Ask(p.t.Context(), &db.Writes{}, p.owner, q)
	require.Error(p.t, err)
	return err
}

func (p *post) query(job uuid.UUID) db.AIQuery {
	p.t.Helper()
	query, err := p.service.ByJob(p.t.Context(), p.owner, job)
	require.NoError(p.t, err)
	return query
}

func (p *post) job(id uuid.UUID) db.Job {
	p.t.Helper()
	job, err := p.engine.Get(p.t.Context(), id, p.owner)
	require.NoError(p.t, err)
	return job
}

// await waits until the job is in a state.
func (p *post) await(id uuid.UUID, state string) (job db.Job) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		job = p.job(id)
		return job.State == state
	}, patience, 5*time.Millisecond, "want %s of job %s", state, id)
	return job
}

// reader follows a job's stream as a browser does: it drops its text when an attempt starts.
type reader struct {
	t      testing.TB
	sub    *stream.Subscription
	text   string
	pieces int
	states []string
	phases []string // told as progress
	last   stream.Event
}

func (p *post) read(job uuid.UUID) *reader {
	p.t.Helper()
	sub, err := p.hub.Subscribe(within(p.t), stream.Job(job), "")
	require.NoError(p.t, err)
	p.t.Cleanup(sub.Close)
	return &reader{t: p.t, sub: sub}
}

// until reads on until enough says so, or the stream ends.
func (r *reader) until(enough func() bool) {
	r.t.Helper()
	for !enough() {
		e, err := r.sub.Next(within(r.t))
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(r.t, err)
		var data struct {
			State, Token string
			Progress     phase
		}
		require.NoError(r.t, json.Unmarshal(e.Data, &data))
		r.last = e
		switch e.Type {
		case stream.TypeState:
			r.states = append(r.states, data.State)
			if data.State == queue.Running {
				r.text, r.pieces = "", 0
			}
		case stream.TypeProgress:
			r.phases = append(r.phases, data.Progress.Phase)
		case stream.TypeToken:
			r.text += data.Token
			r.pieces++
		}
	}
}

func (r *reader) untilEnd() { r.t.Helper(); r.until(func() bool { return false }) }

// runs is how many attempts the reader saw starting.
func (r *reader) runs() int { return strings.Count(strings.Join(r.states, " "), queue.Running) }
