package backup

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// The states of a backup.
const (
	Queued    = "queued"
	Running   = "running"
	Verifying = "verifying"
	Succeeded = "succeeded"
	Failed    = "failed"
	BadNow    = "damaged" // it was proved once, and is not in the storage any more as it was
	Deleted   = "deleted"
)

const (
	queryTimeout = 10 * time.Second // some rows by key
	// cleanupTimeout is for what an attempt that failed leaves; the engine gives a stopped handler 10 s.
	cleanupTimeout = 5 * time.Second
	// busyPause is how long a job waits that finds another one at the storage of the backups.
	busyPause = 15 * time.Second
)

// Deps is what the service works on. They stay the caller's to close.
type Deps struct {
	Pool    *db.Pool
	Content *blob.Bucket // what is backed up beside the database
	// ContentURL is where Content is, to refuse a storage for backups inside of it.
	ContentURL string
	Mail       Mailer // nil where nobody is told by mail
	Log        *slog.Logger
}

// Mailer writes mails to the admins down in a transaction, as a mail.Service does.
type Mailer interface {
	BackupDied(ctx context.Context, tx pgx.Tx, job uuid.UUID, message string) error
}

// Service is the capability. It is safe for concurrent use.
type Service struct {
	Deps
	queries *db.Queries
	cfg     Config
	policy  Policy
	to      recipients
	store   *store // nil where backups are not configured
	at      func(stage string)
}

// Option changes what tests want different.
type Option func(*Service)

// New makes the service, without backups where cfg names no place for them. A setting that can't be used is an error
// with code invalid that names it. Close it.
func New(ctx context.Context, deps Deps, cfg Config, opts ...Option) (*Service, error) {
	s := &Service{Deps: deps, queries: db.New(), cfg: cfg, at: func(string) {}}
	if err := cfg.check(deps.ContentURL); err != nil {
		return nil, err
	}
	var err error
	if s.policy, err = cfg.policy(); err != nil {
		return nil, err
	}
	for _, opt := range opts {
		opt(s)
	}
	if cfg.URL == "" {
		return s, nil
	}
	if s.to, err = parseRecipients(cfg.Recipients); err != nil {
		return nil, err
	}
	s.store, err = openStore(ctx, cfg.URL)
	return s, err
}

// Close ends the use of the storage.
func (s *Service) Close() error {
	if s.store == nil {
		return nil
	}
	return s.store.bucket.Close()
}

// Configured reports whether there are backups.
func (s *Service) Configured() bool { return s.store != nil }

// Kinds leaves out of the kinds that a schedule may start those of backups where there are none, so that no schedule
// starts a job each night that can only fail.
func (c Config) Kinds(all []queue.RawKind) []queue.RawKind {
	if c.URL != "" {
		return all
	}
	var rest []queue.RawKind
	for _, kind := range all {
		if !ours(kind.Name) {
			rest = append(rest, kind)
		}
	}
	return rest
}

// ours tells which kinds of jobs are about backups.
func ours(kind string) bool { return strings.HasPrefix(kind, "backup:") }

// Progress is how far a job is, or a restore.
type Progress struct {
	Stage string `json:"stage"`
	Done  int64  `json:"done,omitempty"`  // of whatever the stage counts
	Total int64  `json:"total,omitempty"` // where it is known
	Bytes int64  `json:"bytes,omitempty"`
}

// The stages of a backup, a verification or a restore.
const (
	StageCount    = "count"    // the rows of each table
	StageDump     = "dump"     // the database to the storage
	stageDumping  = "dumping"  // some of it has come
	StageScan     = "scan"     // what content there is
	StageContent  = "content"  // content to the storage, or from it
	StageManifest = "manifest" // what belongs to the backup
	StageCheck    = "check"    // what lies in the storage
	StageRestore  = "restore"  // the database
	StageCompare  = "compare"  // what was restored
)

// teller passes progress on, not more often than somebody can follow.
type teller struct {
	tell func(Progress) error // nil tells nobody

	mu   sync.Mutex // guards the rest
	last string
	when time.Time
}

const tellEvery = 500 * time.Millisecond

func (t *teller) at(p Progress) error {
	if t.tell == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.Stage == t.last && time.Since(t.when) < tellEvery {
		return nil
	}
	t.last, t.when = p.Stage, time.Now()
	return t.tell(p)
}

// damaged is the error of a part that is not as it was written.
func damaged(format string, args ...any) error { return fault.New(Damaged, format, args...) }
