package api

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/accounts"
	"rohrpost/internal/ai"
	"rohrpost/internal/backup"
	"rohrpost/internal/datasets"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/files"
	"rohrpost/internal/mail"
	"rohrpost/internal/operations"
	"rohrpost/internal/queue"
	"rohrpost/internal/reports"
	"rohrpost/internal/scaling"
	"rohrpost/internal/schedule"
	"rohrpost/internal/stream"
	"rohrpost/internal/tuning"
)

// Deps is what the server stands on. All of it is the caller's to start, stop and close; the hub and the engine have to
// run while the server does.
type Deps struct {
	Pool       *db.Pool
	Accounts   *accounts.Service
	Files      *files.Service
	AI         *ai.Service
	Mail       *mail.Service
	Schedules  *schedule.Service
	Operations *operations.Service
	Scaling    *scaling.Service
	DeadLetter *deadletter.Service
	Tuning     *tuning.Service
	Datasets   *datasets.Service
	Backups    *backup.Service
	Reports    *reports.Service
	Engine     *queue.Engine
	Hub        *stream.Hub
	Redis      redis.UniversalClient
	Log        *slog.Logger
	Registerer prometheus.Registerer // may be nil
}

// Server serves the contract. Make it with [New].
type Server struct {
	cfg        Config
	log        *slog.Logger
	pool       *db.Pool
	queries    *db.Queries
	accounts   *accounts.Service
	files      *files.Service
	ai         *ai.Service
	mail       *mail.Service
	schedules  *schedule.Service
	operations *operations.Service
	scaling    *scaling.Service
	deadletter *deadletter.Service
	tuning     *tuning.Service
	datasets   *datasets.Service
	backups    *backup.Service
	reports    *reports.Service
	engine     *queue.Engine
	hub        *stream.Hub
	redis      redis.UniversalClient
	attempts   *edge.Attempts
	app        *fiber.App
	streams    streams
	ends       *prometheus.CounterVec // of streams
	base       context.Context        // ends what is under way once Shutdown has waited long enough
	abandon    context.CancelFunc

	mu       sync.Mutex   // guards the rest
	listener net.Listener // of Serve
	down     bool         // Shutdown was called
}

// New makes a server. It holds no goroutine until Serve.
func New(deps Deps, cfg Config) (*Server, error) {
	cfg = cfg.WithDefaults()
	s := &Server{
		cfg: cfg, log: deps.Log, pool: deps.Pool, queries: db.New(), accounts: deps.Accounts, files: deps.Files,
		ai: deps.AI, schedules: deps.Schedules, operations: deps.Operations, deadletter: deps.DeadLetter,
		engine: deps.Engine, hub: deps.Hub, redis: deps.Redis, datasets: deps.Datasets, backups: deps.Backups,
		reports: deps.Reports, mail: deps.Mail, tuning: deps.Tuning, scaling: deps.Scaling,
		attempts: &edge.Attempts{Every: cfg.LoginEvery, Burst: cfg.LoginBurst}, ends: newStreamEnds(deps.Registerer),
	}
	s.base, s.abandon = context.WithCancel(context.Background())
	s.streams.init()
	s.app = fiber.New(fiber.Config{
		AppName: "rohrpost", DisableStartupMessage: true, CaseSensitive: true, StrictRouting: true, ErrorHandler: s.fail,
		ReadTimeout: cfg.ReadTimeout, IdleTimeout: cfg.IdleTimeout, ReadBufferSize: headerBuffer,
		// Bodies are bounded where they are read, by what they are. A limit here would have fasthttp treat a body over
		// it in another way, not refuse it.
		StreamRequestBody: true, DisablePreParseMultipartForm: true, BodyLimit: math.MaxInt,
		// No WriteTimeout: it would bound a whole download. edge.Conn bounds each write.
	})
	if err := s.routes(deps.Registerer); err != nil {
		return nil, fmt.Errorf("routes: %w", err)
	}
	fast := s.app.Server()
	fast.KeepHijackedConns = true // event streams close their connections themselves, after fasthttp has let go of them
	fast.CloseOnShutdown = true
	fast.Handler = s.unrouted(s.app.Handler())
	return s, nil
}

// Serve answers on ln until Shutdown. It closes ln.
func (s *Server) Serve(ln net.Listener) error {
	bounded := edge.Listen(ln, s.cfg.WriteTimeout)
	s.mu.Lock()
	s.listener = bounded
	down := s.down
	s.mu.Unlock()
	if down { // before we came to it
		return bounded.Close()
	}
	if err := s.app.Listener(bounded); err != nil {
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown takes no more requests, ends the event streams at once, so that their clients go on at another process, and
// waits for the other requests until ctx ends, when it cuts them off.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.abandon()
	s.mu.Lock()
	s.down = true
	listener := s.listener
	s.mu.Unlock()
	if listener != nil {
		_ = listener.Close() // first, or the clients of the streams would come back here; closed is what it has to be
	}
	s.streams.stop()
	err := s.app.ShutdownWithContext(ctx)
	if err := s.streams.wait(ctx); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// Routes returns what is served, as "GET /api/jobs/:id". HEAD, which every GET route answers too, is left out, and so is
// what is mounted as a whole.
func (s *Server) Routes() []string {
	var routes []string
	for _, route := range s.app.GetRoutes(true) {
		if route.Method != fiber.MethodHead {
			routes = append(routes, route.Method+" "+route.Path)
		}
	}
	return routes
}
