package cleanup

import (
	"context"
	"fmt"

	"rohrpost/db"
)

// usageHistory deletes the numbers of jobs and files that were deleted long ago. Reports know from when on they are
// complete, and first of all that is moved on.
func (s *Service) usageHistory(w *work) error {
	if !w.dry {
		ctx, cancel := context.WithTimeout(w.ctx, batchTimeout)
		defer cancel()
		if err := s.queries.MoveHistoryHorizon(ctx, s.Pool, w.age.Seconds()); err != nil {
			return fmt.Errorf("horizon of the history: %w", err)
		}
		if err := w.rows(nil, func(ctx context.Context, age float64, most int32) (int64, error) {
			return s.queries.DeleteJobHistory(ctx, s.Pool, db.DeleteJobHistoryParams{AgeSeconds: age, Most: most})
		}); err != nil {
			return err
		}
	}
	return w.rows(
		func(ctx context.Context, age float64) (int64, error) {
			return s.queries.CountOldHistory(ctx, s.Pool, age)
		},
		func(ctx context.Context, age float64, most int32) (int64, error) {
			return s.queries.DeleteFileHistory(ctx, s.Pool, db.DeleteFileHistoryParams{AgeSeconds: age, Most: most})
		})
}
