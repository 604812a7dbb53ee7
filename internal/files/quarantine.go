package files

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// What is of use to admins: which files the scanner closed, and what became of them. None of it opens the content of a
// file, for nobody.

// queryTimeout bounds what an admin's look asks of PostgreSQL, which goes along an index.
const queryTimeout = 10 * time.Second

const (
	maxReason = 500 // bytes of what somebody says about a release or a deletion
	history   = 200 // events of a file that are shown, the newest
)

// ListReleased asks [Service.Quarantine] for files that somebody released.
const ListReleased = "released"

// Uploaded is a file with who uploaded it.
type Uploaded struct {
	db.File
	OwnerEmail, OwnerName string
}

// Inspected is a file with its history, the newest event first.
type Inspected struct {
	Uploaded
	History []db.FileEvent
}

// QuarantineFilter picks files for [Service.Quarantine]. Zero values pick all that are quarantined or refused.
type QuarantineFilter struct {
	Status    string // [Quarantined], [Refused], [Failed] or [ListReleased]
	Owner     *uuid.UUID
	Signature *string
	Before    uuid.UUID // older than this file
	Limit     int32
}

// Quarantine lists files that the scanner closed, the newest upload first. Errors: invalid for a status that is none of
// these.
func (s *Service) Quarantine(ctx context.Context, f QuarantineFilter) ([]Uploaded, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if f.Before == uuid.Nil {
		f.Before = uuid.Max
	}
	p := db.ClosedFilesBeforeParams{
		Before: f.Before, Statuses: []string{f.Status}, Owner: f.Owner, Signature: f.Signature, PageSize: f.Limit,
	}
	switch f.Status {
	case "":
		p.Statuses = []string{Quarantined, Refused}
	case Quarantined, Refused, Failed:
	case ListReleased:
		return s.released(ctx, f)
	default:
		return nil, fault.New(fault.Invalid, "The status is one of quarantined, refused, failed and released.")
	}
	rows, err := s.queries.ClosedFilesBefore(ctx, s.pool, p)
	if err != nil {
		return nil, fmt.Errorf("list the quarantine: %w", err)
	}
	found := make([]Uploaded, len(rows))
	for i, r := range rows {
		found[i] = Uploaded{r.File, r.OwnerEmail, r.OwnerName}
	}
	return found, nil
}

func (s *Service) released(ctx context.Context, f QuarantineFilter) ([]Uploaded, error) {
	rows, err := s.queries.ReleasedFilesBefore(ctx, s.pool, db.ReleasedFilesBeforeParams{
		Before: f.Before, Owner: f.Owner, Signature: f.Signature, PageSize: f.Limit,
	})
	if err != nil {
		return nil, fmt.Errorf("list released files: %w", err)
	}
	found := make([]Uploaded, len(rows))
	for i, r := range rows {
		found[i] = Uploaded{r.File, r.OwnerEmail, r.OwnerName}
	}
	return found, nil
}

// Inspect returns a file that is or was in quarantine. Errors: not_found, also for files that never were closed.
func (s *Service) Inspect(ctx context.Context, id uuid.UUID) (Inspected, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	row, err := s.queries.QuarantinedFile(ctx, s.pool, id)
	if err != nil {
		return Inspected{}, notInQuarantine(err, id)
	}
	events, err := s.queries.FileEvents(ctx, s.pool, db.FileEventsParams{FileID: id, Most: history})
	if err != nil {
		return Inspected{}, fmt.Errorf("history of %s: %w", id, err)
	}
	return Inspected{Uploaded{row.File, row.OwnerEmail, row.OwnerName}, events}, nil
}

func notInQuarantine(err error, id uuid.UUID) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.New(fault.NotFound, "There is no such file in quarantine.")
	}
	return fmt.Errorf("file %s: %w", id, err)
}

// checkReason looks at what somebody says about what they do.
func checkReason(reason string) (string, error) {
	reason = strings.TrimSpace(reason)
	if len(reason) > maxReason || !utf8.ValidString(reason) || strings.ContainsRune(reason, 0) {
		return "", fault.New(fault.Invalid, "The reason is a text of up to %d bytes.", maxReason)
	}
	return reason, nil
}
