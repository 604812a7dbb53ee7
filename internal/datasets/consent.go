package datasets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Consent is since when a user lets their conversations be used for training, all of them, in exports of everyone's. Nil
// is that they don't, as nobody does who was not asked.
func (s *Service) Consent(ctx context.Context, user uuid.UUID) (*time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	given, err := s.queries.TrainingConsent(ctx, s.pool, user)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("consent of %s: %w", user, err)
	}
	return &given, nil
}

// SetConsent gives or withdraws it, for the exports that begin from now on. Either twice is fine.
func (s *Service) SetConsent(ctx context.Context, user uuid.UUID, given bool) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	set := s.queries.WithdrawTrainingConsent
	if given {
		set = s.queries.GiveTrainingConsent
	}
	if err := set(ctx, s.pool, user); err != nil {
		return fmt.Errorf("consent of %s: %w", user, err)
	}
	return nil
}
