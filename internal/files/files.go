// Package files keeps what users upload: closed until the virus scanner has called it clean, in quarantine if it has
// not, with thumbnails if it is an image.
//
//	Receive, Record          Scan                                       Thumbnail
//	upload ─▶ processing ──────┬──▶ clean ───── an image ─▶ pending ──┬─▶ ready
//	              ▲            ├──▶ quarantined (infected)            └─▶ failed, with a reason
//	              │            ├──▶ refused (limits_exceeded, encrypted)
//	              └─ a rerun ──┴──▶ failed (error, timeout): the scan has used up its attempts, or was cancelled
//
//	Rescan     clean ─▶ quarantined                  newer signatures find what older ones let through
//	           quarantined, refused, failed ─▶ clean newer signatures find nothing any more
//	Release    quarantined, refused ─▶ clean         a person says so; the verdict stays on record
//
// The record in PostgreSQL says what a file is and where its content lies; the storage only holds bytes under keys that
// follow from the file's id. A status changes in the transaction that ends the job which changes it. Content is written
// before the record names it and removed after the record has stopped naming it, with a [tasks.Purge] job committed
// beside the latter: whatever crashes when, no record points to nothing and nothing stays that no record names.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/clamav"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/internal/thumbnail"
)

// What becomes of a file.
const (
	Processing  = "processing"
	Clean       = "clean"
	Quarantined = "quarantined"
	Refused     = "refused" // the scanner could not look inside
	Failed      = "failed"  // the scanner could not be asked
)

// What becomes of its thumbnails.
const (
	ThumbnailsNone    = "none"
	ThumbnailsPending = "pending"
	ThumbnailsReady   = "ready"
	ThumbnailsFailed  = "failed"
)

// The verdicts that are none: the scan did not come to an end. The others are those of package clamav.
const (
	verdictError   = "error"
	verdictTimeout = "timeout"
)

// The finer codes of this package.
var (
	// NotClean is the code of asking for the content of a file that the scanner has not called clean.
	NotClean = fault.Register("file_not_clean", fault.Class{Status: 409, Title: "File not clean"})
	// Empty is the code of a file without content.
	Empty = fault.Register("empty_file", fault.Class{Status: 400, Title: "Empty file"})
)

const (
	defaultMaxBytes = 100 << 20
	// cleanupTimeout is for removing some blobs after what they were for has failed or is over; the engine gives a
	// stopped handler 10 s.
	cleanupTimeout = 5 * time.Second
)

// Config bounds files and says how they are looked at. Zero values work but for the scanner's address.
type Config struct {
	// MaxBytes bounds a file; 0 takes 100 MiB. The scanner's own limits have to allow for it.
	MaxBytes   int64 `env:"FILES_MAX_BYTES"`
	Scanner    clamav.Config
	Thumbnails thumbnail.Config
	// RescanParallel is how many files a rescan has looked at at once; 0 takes 2, half of what a worker asks of the scanner.
	RescanParallel int `env:"FILES_RESCAN_PARALLEL"`
	// RescanPerSecond is how many it begins a second at most; 0 takes 50.
	RescanPerSecond int `env:"FILES_RESCAN_PER_SECOND"`
}

// scanner looks for viruses, with signatures that change.
type scanner interface {
	Scan(ctx context.Context, body io.Reader, size int64) (clamav.Verdict, error)
	Version(ctx context.Context) (string, error)
}

// thumbnailer makes small pictures.
type thumbnailer interface {
	Make(ctx context.Context, r io.ReadSeeker) ([]thumbnail.Thumbnail, error)
}

// Events takes live events, as a [stream.Log] does.
type Events interface {
	Append(ctx context.Context, epoch int64, entries ...stream.Entry) error
}

// Service is the capability. It is safe for concurrent use.
type Service struct {
	pool        *db.Pool
	queries     *db.Queries
	bucket      *blob.Bucket
	maxBytes    int64
	pace        pace
	scanner     scanner
	thumbnailer thumbnailer
	events      Events      // nil where no notices are told
	admins      AdminMailer // nil where none are mailed
	log         *slog.Logger
	engine      *queue.Engine // set by Follow
	metrics     *metrics
}

// Option adds what not every process needs.
type Option func(*Service)

// Through tells admins their notices through events. Workers that serve the queue of [tasks.NoticeAdmins] need it.
func Through(events Events) Option { return func(s *Service) { s.events = events } }

// AdminMailer writes mails to the admins down in a transaction, as a mail.Service does.
type AdminMailer interface {
	Quarantined(ctx context.Context, tx pgx.Tx, file db.File) error
}

// Mailing tells admins of infected files by mail, too. Workers that serve the queue of [tasks.Scan] need it.
func Mailing(admins AdminMailer) Option { return func(s *Service) { s.admins = admins } }

// New makes the service. The scanner may be down, and only scans need its address. pool and bucket stay the caller's to
// close.
func New(pool *db.Pool, bucket *blob.Bucket, cfg Config, log *slog.Logger, opts ...Option) *Service {
	s := &Service{
		pool: pool, queries: db.New(), bucket: bucket, maxBytes: cfg.MaxBytes, pace: paceOf(cfg),
		thumbnailer: thumbnail.New(cfg.Thumbnails), log: log, metrics: newMetrics(),
	}
	if s.maxBytes <= 0 {
		s.maxBytes = defaultMaxBytes
	}
	if found, err := clamav.New(cfg.Scanner); err != nil {
		s.scanner = noScanner{err}
	} else {
		s.scanner = found
	}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// noScanner keeps files waiting rather than failing them for a mistake in the configuration.
type noScanner struct{ err error }

func (n noScanner) Scan(context.Context, io.Reader, int64) (clamav.Verdict, error) {
	return clamav.Verdict{}, fault.Wrap(n.err, fault.Unavailable, "No virus scanner is configured.")
}

func (n noScanner) Version(context.Context) (string, error) {
	return "", fault.Wrap(n.err, fault.Unavailable, "No virus scanner is configured.")
}

// ScannerReady reports whether the virus scanner answers, with code unavailable where it doesn't.
func (s *Service) ScannerReady(ctx context.Context) error {
	_, err := s.scanner.Version(ctx)
	return err
}

// Ready reports whether the storage can be reached, with code unavailable where it can't.
func (s *Service) Ready(ctx context.Context) error { return s.bucket.Ready(ctx) }

// byID returns a file for a job. The code of its error is not_found where the file was deleted meanwhile; then what the
// storage may hold of it is removed.
func (s *Service) byID(ctx context.Context, id uuid.UUID) (db.File, error) {
	file, err := s.queries.FileByID(ctx, s.pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return db.File{}, s.deleted(ctx, db.File{ID: id})
	}
	if err != nil {
		return db.File{}, fmt.Errorf("file %s: %w", id, err)
	}
	return file, nil
}

// deleted ends a job whose file is gone, known as the job knew it last: nothing of what the job wrote may stay.
func (s *Service) deleted(ctx context.Context, file db.File) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	if err := s.bucket.Delete(ctx, allKeys(file)...); err != nil {
		return fmt.Errorf("remove the content of the deleted file %s: %w", file.ID, err)
	}
	return fault.New(fault.NotFound, "The file was deleted.")
}
