package ai

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/ollama/ollama/api"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	dialWithin  = 5 * time.Second // a server that doesn't take a connection by then is down, not busy
	readyWithin = 2 * time.Second // a probe must be faster than those who probe
	idleConns   = 16              // more than the models of one server that work at once
)

// Service puts questions to models. It is safe for concurrent use; close it.
type Service struct {
	pool      *db.Pool
	cfg       Config
	transport *http.Transport
	client    *api.Client
	models    *models // nil without a model server
	remote    *models // nil without a service for tuned models
	list      listing
	tuned     tunedModels
	metrics   *metrics
}

// Option refines a service.
type Option func(*Service)

// Through has questions to models that were tuned at a service put to it. A nil client is none.
func Through(client *openai.Client) Option {
	return func(s *Service) {
		if client != nil {
			s.remote = newModels(remote{client}, s.cfg, s.metrics)
		}
	}
}

// New makes a service. It doesn't connect: the model server may come and go. An OLLAMA_HOST that can't be understood is
// an error; none at all makes a service that refuses questions with [NotConfigured].
func New(pool *db.Pool, cfg Config, opts ...Option) (*Service, error) {
	cfg = cfg.withDefaults()
	s := &Service{pool: pool, cfg: cfg, metrics: newMetrics()}
	for _, opt := range opts {
		opt(s)
	}
	if cfg.OllamaHost == "" {
		return s, nil
	}
	base, err := parseHost(cfg.OllamaHost)
	if err != nil {
		return nil, fmt.Errorf("ai: %w", err)
	}
	s.transport = &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialWithin}).DialContext,
		TLSHandshakeTimeout: dialWithin,
		MaxIdleConnsPerHost: idleConns,
		IdleConnTimeout:     time.Minute,
	}
	s.client = api.NewClient(base, &http.Client{Transport: s.transport})
	s.models = newModels(ollama{s.client, cfg.MaxTokens}, cfg, s.metrics)
	return s, nil
}

// Close lets go of the connections to the model server that are idle. Call it when no handler runs any more.
func (s *Service) Close() {
	if s.transport != nil {
		s.transport.CloseIdleConnections()
	}
}

// ByJob is the question that a job puts, with the answer once there is one. Somebody else's is not found.
func (s *Service) ByJob(ctx context.Context, owner, jobID uuid.UUID) (db.AIQuery, error) {
	query, err := db.New().AIQueryByJob(ctx, s.pool, jobID)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && query.Owner != owner {
		return db.AIQuery{}, fault.New(fault.NotFound, "There is no such question.")
	}
	if err != nil {
		return db.AIQuery{}, fmt.Errorf("question of job %s: %w", jobID, err)
	}
	return query, nil
}

// Follow keeps the questions in step with jobs that end without an answer, or start afresh. Every process that has an
// engine calls it, as any may be the one that ends a job.
func (s *Service) Follow(engine *queue.Engine) { engine.OnState(tasks.Infer.Name, follow) }

func follow(ctx context.Context, tx pgx.Tx, job db.Job) error {
	var err error
	switch job.State {
	case queue.Queued:
		err = db.New().ReopenAIQuery(ctx, tx, job.ID)
	case queue.Cancelled:
		err = db.New().CloseAIQuery(ctx, tx, db.CloseAIQueryParams{JobID: job.ID, FinishReason: Stopped})
	case queue.Failed:
		err = db.New().CloseAIQuery(ctx, tx, db.CloseAIQueryParams{JobID: job.ID, FinishReason: Broken})
	}
	if err != nil {
		return fmt.Errorf("question of job %s: %w", job.ID, err)
	}
	return nil
}

// Configured tells whether there is a model server to ask.
func (s *Service) Configured() bool { return s.models != nil }

// Ready tells whether the model server answers.
func (s *Service) Ready(ctx context.Context) error {
	if s.models == nil {
		return notConfigured()
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	if err := s.client.Heartbeat(ctx); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The model server can't be reached.")
	}
	return nil
}

// who answers for a model: the service where it was tuned, if it was, and else the Ollama server.
func (s *Service) who(ctx context.Context, name string) (*models, error) {
	known, err := db.New().ModelByName(ctx, s.pool, name)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("model %s: %w", name, err)
	}
	return s.at(name, err == nil && known.Provider == Tuned)
}

func (s *Service) at(name string, tuned bool) (*models, error) {
	switch {
	case tuned && s.remote == nil:
		return nil, fault.New(NotConfigured, "The model %s is at a service that is not configured: TUNING_URL is not set.", name)
	case tuned:
		return s.remote, nil
	case s.models == nil:
		return nil, notConfigured()
	}
	return s.models, nil
}
