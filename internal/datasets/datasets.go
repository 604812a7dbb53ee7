// Package datasets exports conversations for training: as files of JSON lines, one conversation a line, split into those
// to train with and those to validate by, with a manifest that tells what is in them.
//
//	Create                  Export
//	request ─▶ building ──────┬──▶ ready: train.jsonl, validation.jsonl, manifest.json
//	              ▲           ├──▶ failed
//	              └─ a rerun ─┴──▶ cancelled
//
// Whose conversations: the requester's own, or, for admins, those of everyone who consents at that moment. Unless the
// requester wants their own as they are, personal data and secrets are taken out, see package redact.
//
// An export may be of millions of conversations and takes the same memory for each number of them but for 8 bytes a
// conversation, to know it again (see seen). It reads through a cursor of PostgreSQL and writes to the storage as it
// reads. The files have the run's epoch in their keys, so that a run that is believed dead can't spoil those of its
// successor, and are there for others once the record names them, in the transaction that ends the job. What the record
// doesn't name is removed: by the run that failed, by the next one, by a [tasks.PurgeDataset] job, and at last by the
// sweep of orphaned blobs.
package datasets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/accounts"
	"rohrpost/internal/audit"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/redact"
)

// What becomes of a dataset.
const (
	Building  = "building"
	Ready     = "ready"
	Failed    = "failed"
	Cancelled = "cancelled"
)

// NotReady is the code of asking for a file of a dataset that isn't built.
var NotReady = fault.Register("dataset_not_ready", fault.Class{Status: 409, Title: "Dataset not ready"})

const (
	// queryTimeout is for some rows by key, or a page of them.
	queryTimeout = 10 * time.Second
	// cleanupTimeout is for removing some blobs after what they were for is over; the engine gives a stopped handler 10 s.
	cleanupTimeout = 5 * time.Second
)

// Config tunes the service. Zero values work.
type Config struct {
	// PhoneRegions are the regions whose national phone numbers are known for such, as in ISO 3166. Default US,GB,DE,FR.
	// International numbers, with a +, are known of all regions.
	PhoneRegions []string `env:"DATASETS_PHONE_REGIONS"`
}

// Service is the capability. It is safe for concurrent use.
type Service struct {
	pool    *db.Pool
	queries *db.Queries
	bucket  *blob.Bucket
	redact  *redact.Redactor
	log     *slog.Logger
	engine  *queue.Engine // set by Follow
}

// New makes the service. A region that there isn't is an error with code invalid that names the variable. pool and bucket
// stay the caller's to close.
func New(pool *db.Pool, bucket *blob.Bucket, cfg Config, log *slog.Logger) (*Service, error) {
	if len(cfg.PhoneRegions) == 0 {
		cfg.PhoneRegions = redact.DefaultRegions()
	}
	redactor, err := redact.New(cfg.PhoneRegions...)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "DATASETS_PHONE_REGIONS has to list regions such as US,DE: %s", err)
	}
	return &Service{pool: pool, queries: db.New(), bucket: bucket, redact: redactor, log: log}, nil
}

// Viewer is who asks. Datasets of everyone's conversations are for all admins, those of somebody's own for that one only.
type Viewer struct {
	ID    uuid.UUID
	Admin bool
	// By is who does it where that is not the viewer: the command line, for somebody.
	By audit.Actor
}

func (v Viewer) actor() audit.Actor {
	if v.By == (audit.Actor{}) {
		return audit.User(v.ID)
	}
	return v.By
}

func notFound() error { return fault.New(fault.NotFound, "There is no such dataset.") }

// isAdmin tells whether a user still is one.
func (s *Service) isAdmin(ctx context.Context, id uuid.UUID) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	user, err := s.queries.UserByID(ctx, s.pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("user %s: %w", id, err)
	}
	return user.Role == accounts.RoleAdmin, nil
}
