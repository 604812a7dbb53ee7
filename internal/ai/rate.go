package ai

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// Rate records what owner thinks of the answer to the question that a job puts: 1 is good, -1 is bad, 0 takes it back.
// Errors: invalid, not_found where it is somebody else's, conflict where there is no answer yet.
func (s *Service) Rate(ctx context.Context, owner, jobID uuid.UUID, rating int) (db.AIQuery, error) {
	if rating < -1 || rating > 1 {
		return db.AIQuery{}, fault.New(fault.Invalid, "A rating is 1 (good), -1 (bad) or 0 (none).")
	}
	var value *int16
	if rating != 0 {
		v := int16(rating)
		value = &v
	}
	query, err := db.New().RateAIQuery(ctx, s.pool, db.RateAIQueryParams{JobID: jobID, Owner: owner, Rating: value})
	if !errors.Is(err, pgx.ErrNoRows) {
		if err != nil {
			err = fmt.Errorf("rate the answer of job %s: %w", jobID, err)
		}
		return query, err
	}
	if _, err := s.ByJob(ctx, owner, jobID); err != nil {
		return db.AIQuery{}, err
	}
	return db.AIQuery{}, fault.New(fault.Conflict, "There is no answer to rate yet.")
}
