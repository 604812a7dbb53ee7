package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	suppressTimeout = 10 * time.Second
	// noteWithin is how long a mail that the server has taken waits for PostgreSQL to come back and write it down: not to
	// know of it would be to send it again.
	noteWithin = 5 * time.Minute
)

// Outcome is the result of a [tasks.SendMail].
type Outcome struct {
	MailID    uuid.UUID `json:"mail_id"`
	Outcome   string    `json:"outcome"` // Sent, Suppressed or Skipped
	Reason    string    `json:"reason,omitempty"`
	MessageID string    `json:"message_id,omitempty"`
}

// SendMail runs a [tasks.SendMail].
func (s *Service) SendMail(ctx context.Context, job *queue.Job[tasks.SendMailArgs]) (any, error) {
	out := Outcome{MailID: job.Args.MailID}
	m, err := s.queries.MailByID(ctx, s.pool, job.Args.MailID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		out.Outcome, out.Reason = Skipped, "The mail or its account was deleted."
		return out, nil
	case err != nil:
		return nil, fmt.Errorf("mail %s: %w", job.Args.MailID, err)
	case m.State == Sent:
		// An earlier run handed it over and lost the job before it could say so.
		out.Outcome, out.MessageID = Sent, db.Text(m.MessageID)
		return out, nil
	}
	user, err := s.user(ctx, m)
	if err != nil {
		return nil, err
	}
	if out.Outcome, out.Reason, err = s.unwanted(ctx, m, user); err != nil {
		return nil, err
	}
	if out.Outcome != "" {
		s.metrics.ended.WithLabelValues(m.Template, out.Outcome).Inc()
		return nil, s.end(ctx, job.Run, out)
	}
	if s.cfg.server == nil {
		return nil, fault.New(fault.Unavailable, "No mail server is configured (SMTP_URL).")
	}
	letter, err := s.compose(ctx, m, user, job.ID())
	if err != nil {
		return nil, err
	}
	began := time.Now()
	bye, err := s.cfg.server.deliver(ctx, letter)
	s.metrics.delivered(ctx, began, m.Template, err)
	if err != nil {
		return nil, s.refused(ctx, m, err)
	}
	defer bye()
	out.Outcome, out.MessageID = Sent, s.messageID(job.ID())
	return nil, s.end(ctx, job.Run, out)
}

// unwanted says why a mail is not to be sent, if so.
func (s *Service) unwanted(ctx context.Context, m db.Mail, user *db.User) (outcome, reason string, err error) {
	kind := kinds[m.Template]
	switch {
	case user == nil:
		return Skipped, "There is no account with this address.", nil
	case user.Email != m.Recipient:
		return Skipped, "The account has another address by now.", nil
	case m.Template == VerifyAddress && user.VerifiedAt != nil:
		return Skipped, "The address is confirmed already.", nil
	case kind.admins && user.Role != "admin":
		return Skipped, "The recipient is no admin any more.", nil
	}
	_, err = s.queries.SuppressedAddress(ctx, s.pool, m.Recipient)
	if err == nil {
		return Suppressed, "The address is on the suppression list.", nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return "", "", fmt.Errorf("suppression list: %w", err)
	}
	return "", "", nil
}

// refused suppresses an address of which the server said that there is none.
func (s *Service) refused(ctx context.Context, m db.Mail, why error) error {
	if fault.CodeOf(why) != CodeAddressRefused {
		return why
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), suppressTimeout)
	defer cancel()
	if _, err := s.queries.SuppressAddress(ctx, s.pool,
		db.SuppressAddressParams{Address: m.Recipient, Reason: fault.Message(why)}); err != nil {
		// Better to be refused once more than to forget why.
		return fmt.Errorf("suppress the address of mail %s: %w", m.ID, err)
	}
	return why
}

// end writes down what became of a mail, together with its job. A mail that was sent stays so even where the job has been
// lost to another run, which then finds it sent.
func (s *Service) end(ctx context.Context, run *queue.Run, out Outcome) error {
	if out.Outcome != Sent {
		return s.note(ctx, run, out)
	}
	ctx = context.WithoutCancel(ctx)
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		within, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		err := s.note(within, run, out)
		if errors.Is(err, queue.ErrLost) {
			if err := s.mark(within, s.pool, out); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, backoff.Permanent(queue.ErrLost)
		}
		return struct{}{}, err
	}, backoff.WithMaxElapsedTime(noteWithin))
	return err
}

func (s *Service) note(ctx context.Context, run *queue.Run, out Outcome) error {
	return db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := s.mark(ctx, tx, out); err != nil {
			return err
		}
		return queue.Complete(ctx, tx, run, out)
	})
}

func (s *Service) mark(ctx context.Context, on db.DBTX, out Outcome) error {
	if _, err := s.queries.EndMail(ctx, on, db.EndMailParams{
		ID: out.MailID, State: out.Outcome, Reason: optional(out.Reason), MessageID: optional(out.MessageID),
	}); err != nil {
		return fmt.Errorf("mail %s is %s: %w", out.MailID, out.Outcome, err)
	}
	return nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
