package api

import (
	"context"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/mail"
)

const maxAddress = 254 // bytes of an address

// ListMails returns a page of mails.
func (s *Server) ListMails(c *fiber.Ctx, params ListMailsParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	mails, err := s.mail.List(c.UserContext(), mail.Filter{State: text(params.State), Before: before, Limit: int32(size) + 1})
	if err != nil {
		return fmt.Errorf("list mails: %w", err)
	}
	mails, next := cut(mails, size, func(m db.Mail) uuid.UUID { return m.ID })
	page := MailPage{Items: make([]Mail, len(mails)), Next: next}
	for i, m := range mails {
		page.Items[i] = shownMail(m)
	}
	return c.JSON(page)
}

// GetMail returns a mail.
func (s *Server) GetMail(c *fiber.Ctx, id ID) error {
	m, err := s.mail.Get(c.UserContext(), id)
	if err != nil {
		return fmt.Errorf("get mail: %w", err)
	}
	out := shownMail(m)
	out.Data = m.Data
	return c.JSON(out)
}

// ListSuppressions returns a page of addresses that nothing is sent to.
func (s *Server) ListSuppressions(c *fiber.Ctx, params ListSuppressionsParams) error {
	size, _, err := pageOf(params.Limit, nil)
	if err != nil {
		return err
	}
	after, err := word("after", params.After, maxAddress)
	if err != nil {
		return err
	}
	found, err := s.mail.SuppressedAddresses(c.UserContext(), text(after), int32(size)+1)
	if err != nil {
		return fmt.Errorf("list suppressions: %w", err)
	}
	page := SuppressionPage{}
	if len(found) > size {
		found = found[:size]
		page.Next = &found[size-1].Address
	}
	page.Items = make([]Suppression, len(found))
	for i, row := range found {
		page.Items[i] = shownSuppression(row)
	}
	return c.JSON(page)
}

// SuppressAddress has nothing sent to an address any more.
func (s *Server) SuppressAddress(c *fiber.Ctx, params SuppressAddressParams) error {
	var body SuppressionRequest
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if err := needs("address", body.Address != ""); err != nil {
		return err
	}
	return s.carryOut(c, order{"POST /api/admin/mail-suppressions", params.IdempotencyKey, body}, fiber.StatusOK,
		func(ctx context.Context, tx pgx.Tx, by audit.Actor) (any, string, error) {
			row, err := s.mail.Suppress(ctx, tx, by, body.Address, body.Reason)
			return shownSuppression(row), "", err
		})
}

// ReleaseAddress takes an address off the list.
func (s *Server) ReleaseAddress(c *fiber.Ctx, params ReleaseAddressParams) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	address := strings.Clone(params.Address)
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		return s.mail.Release(ctx, tx, audit.User(edge.Who(c).UserID), address)
	})
	if err != nil {
		return fmt.Errorf("release an address: %w", err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func shownMail(m db.Mail) Mail {
	out := Mail{
		ID: m.ID, Template: m.Template, To: m.Recipient, UserID: m.UserID, State: m.State, Reason: m.Reason,
		MessageID: m.MessageID, JobID: m.JobID, CreatedAt: m.CreatedAt.UTC(), SentAt: inUTC(m.SentAt),
	}
	if m.About != "" {
		out.About = &m.About
	}
	return out
}

func shownSuppression(row db.SuppressedAddress) Suppression {
	return Suppression{Address: row.Address, Reason: row.Reason, CreatedAt: row.CreatedAt.UTC()}
}
