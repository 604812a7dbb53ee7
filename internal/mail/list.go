package mail

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// Filter picks mails for [Service.List]. Zero values pick all.
type Filter struct {
	State  string
	Before uuid.UUID // older than this mail
	Limit  int32
}

// List returns mails, for admins: the newest first. Errors: code invalid for a state that is none.
func (s *Service) List(ctx context.Context, filter Filter) ([]db.Mail, error) {
	switch filter.State {
	case "", Queued, Sent, Suppressed, Skipped, Failed:
	default:
		return nil, fault.New(fault.Invalid, "The state is one of queued, sent, suppressed, skipped and failed.")
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if filter.Before == uuid.Nil {
		filter.Before = uuid.Max
	}
	mails, err := s.queries.MailsBefore(ctx, s.pool, db.MailsBeforeParams{
		Before: filter.Before, State: optional(filter.State), Most: filter.Limit,
	})
	if err != nil {
		return nil, fmt.Errorf("list mails: %w", err)
	}
	return mails, nil
}

// Get returns a mail, for admins. Errors: code not_found.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (db.Mail, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	m, err := s.queries.MailByID(ctx, s.pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return db.Mail{}, fault.New(fault.NotFound, "There is no such mail.")
	}
	if err != nil {
		return db.Mail{}, fmt.Errorf("mail %s: %w", id, err)
	}
	return m, nil
}
