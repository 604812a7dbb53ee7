package mail

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/internal/fault"
)

// ReportNotice is the data of [ReportReady].
type ReportNotice struct {
	ReportID uuid.UUID `json:"report_id"`
	Period   string    `json:"period"`   // its days
	Everyone bool      `json:"everyone"` // whose use it is about
	Files    []string  `json:"files"`    // their names
}

// ReportIsReady tells a user that their report can be opened, in the transaction that ends its announcement, and reports
// whether it does. It doesn't where there is no mail server, nor at an address that nobody has proved to read: it may be
// a stranger's. An admin's has been vouched for by whoever made them one.
func (s *Service) ReportIsReady(ctx context.Context, tx pgx.Tx, user uuid.UUID, about ReportNotice) (bool, error) {
	if !s.Configured() {
		return false, nil
	}
	found, err := s.queries.UserByID(ctx, tx, user)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("mail about report %s: %w", about.ReportID, err)
	}
	if found.VerifiedAt == nil && found.Role != "admin" {
		return false, nil
	}
	_, err = s.Send(ctx, tx, Mail{Template: ReportReady, To: found.Email, User: found.ID, Data: about})
	if fault.CodeOf(err) == fault.Invalid {
		s.log.Warn("mail not written", "template", ReportReady, "user", found.ID, "err", err)
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("mail about report %s: %w", about.ReportID, err)
	}
	return true, nil
}
