package tuning

import (
	"log/slog"
	"time"

	"rohrpost/db"
	"rohrpost/internal/ai"
	"rohrpost/internal/datasets"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// The states of a tuning.
const (
	stateQueued    = "queued"
	stateUploading = "uploading"
	stateCreating  = "creating"
	stateTuning    = "tuning"
	stateSucceeded = "succeeded"
	stateFailed    = "failed"
	stateCancelled = "cancelled"
)

const (
	queryTimeout = 10 * time.Second // some rows by key, or a page of them
	// tidyAfter is when a model whose making was stopped is deleted for good: by then nobody makes it any more, as a stopped
	// handler is given 10 s and its worker's word for dead after 5 s.
	tidyAfter = 15 * time.Second
)

// Deps is what the service works on. They stay the caller's to close.
type Deps struct {
	Pool     *db.Pool
	Datasets *datasets.Service
	AI       *ai.Service
	Remote   *openai.Client // nil where no service is configured
	Log      *slog.Logger
}

// Service is the capability. It is safe for concurrent use.
type Service struct {
	Deps
	cfg     Config
	queries *db.Queries
	now     func() time.Time // tests own the clock
}

// New makes the service. A setting that makes no sense is an error that names its variable.
func New(deps Deps, cfg Config) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Service{Deps: deps, cfg: cfg, queries: db.New(), now: time.Now}, nil
}

// Configured tells whether there is a service to tune at.
func (s *Service) Configured() bool { return s.Remote != nil }

// Follow keeps the records in step with jobs that end without success, or start afresh. Every process that has an engine
// calls it, as any may be the one that ends a job.
func (s *Service) Follow(engine *queue.Engine) {
	engine.OnState(tasks.Tune.Name, s.followTuning)
	engine.OnState(tasks.MakeModel.Name, s.followModel)
}
