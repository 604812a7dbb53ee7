package files

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/tasks"
)

// Remove deletes a file that the scanner closed or could not look at, as its owner could, and tells the owner. The reason
// may be empty. Errors: not_found, conflict where the file is not closed, invalid for the reason. What can't be removed
// from the storage now is removed later.
func (s *Service) Remove(ctx context.Context, by audit.Actor, id uuid.UUID, reason string) error {
	reason, err := checkReason(reason)
	if err != nil {
		return err
	}
	return s.delete(ctx, func(tx pgx.Tx) (db.File, error) {
		row, err := s.queries.QuarantinedFile(ctx, tx, id)
		if err != nil {
			return db.File{}, notInQuarantine(err, id)
		}
		file, err := s.queries.DeleteClosedFile(ctx, tx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return db.File{}, fault.New(fault.Conflict, "The file is %s; only its owner may delete it.", row.File.Status)
		}
		if err != nil {
			return db.File{}, fmt.Errorf("delete file %s: %w", id, err)
		}
		if err := tellOwner(ctx, tx, file, tasks.FileDeleted); err != nil {
			return db.File{}, err
		}
		return file, audit.Record(ctx, tx, by, audit.Entry{
			Action: "quarantine.delete", Target: id.String(), Reason: reason, Detail: told(file),
		})
	})
}
