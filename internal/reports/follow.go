package reports

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Follow has a report's state follow its job where that ends without its handler, or begins again. Every process that may
// end a job needs it, before its engine is started.
func (s *Service) Follow(engine *queue.Engine) {
	s.engine = engine
	engine.OnState(tasks.BuildReport.Name, func(ctx context.Context, tx pgx.Tx, job db.Job) error {
		var err error
		if job.State == queue.Queued {
			err = s.queries.ReopenReport(ctx, tx, job.ID)
		} else {
			err = s.queries.FailReport(ctx, tx, db.FailReportParams{
				JobID: job.ID, ErrorCode: job.ErrorCode, ErrorMessage: job.ErrorMessage,
			})
		}
		if err != nil {
			return fmt.Errorf("report of job %s: %w", job.ID, err)
		}
		return nil
	})
}
