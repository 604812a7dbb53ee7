package reports

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// Delete removes a report of owner: it is not built any more, then its files go, and the record last, so that what was
// interrupted can be asked for again. Errors: not_found.
func (s *Service) Delete(ctx context.Context, owner, id uuid.UUID) error {
	report, err := s.Get(ctx, owner, id)
	if err != nil {
		return err
	}
	if report.Report.State == stateBuilding {
		if err := s.cancel(ctx, report.JobID); err != nil {
			return err
		}
		if report, err = s.Get(ctx, owner, id); err != nil { // it may have been faster
			return err
		}
	}
	for _, f := range report.Files {
		if err := s.Files.Delete(ctx, owner, f.ID); err != nil && fault.CodeOf(err) != fault.NotFound {
			return fmt.Errorf("delete report %s: %w", id, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	n, err := s.queries.DeleteReport(ctx, s.Pool, db.DeleteReportParams{ID: id, Owner: owner})
	if err != nil {
		return fmt.Errorf("delete report %s: %w", id, err)
	}
	if n == 0 {
		return notFound()
	}
	return nil
}

// cancel ends a build. One that is over already is fine.
func (s *Service) cancel(ctx context.Context, job uuid.UUID) error {
	var cancelled db.Job
	err := db.InTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		cancelled, err = queue.CancelTx(ctx, tx, s.engine, job, "The report was deleted.")
		return err
	})
	if fault.CodeOf(err) == queue.Ended {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cancel the build %s: %w", job, err)
	}
	s.engine.Cancelled(ctx, cancelled)
	return nil
}
