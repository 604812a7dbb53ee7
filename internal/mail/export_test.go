package mail

import (
	"context"
	"net/mail"
	"time"
)

// Patience replaces the time for the dial and for each answer.
func (s *Service) Patience(each time.Duration) {
	s.cfg.server.dialTimeout, s.cfg.server.commandTimeout = each, each
}

// Hand sends a small mail to address without a job.
func (s *Service) Hand(ctx context.Context, address string) error {
	letter, err := s.letter(mail.Address{Address: address}, rendered{subject: "Hello", text: "text", html: "<p>html"},
		"<1@example.org>")
	if err != nil {
		return err
	}
	bye, err := s.cfg.server.deliver(ctx, letter)
	if err == nil {
		bye()
	}
	return err
}
