package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// maintenanceTimeout bounds what an admin's request asks of PostgreSQL: some rows by key, one of which a scheduler may
// have in hand just now.
const maintenanceTimeout = 10 * time.Second

// order is a POST of an admin.
type order struct {
	route string // as in the contract
	key   *IdempotencyKey
	body  any // what it says, nil for nothing
}

// carryOut does what an admin orders, once for each idempotency key, and answers with status and what effect returns.
func (s *Server) carryOut(c *fiber.Ctx, o order, status int,
	effect func(ctx context.Context, tx pgx.Tx, by audit.Actor) (body any, location string, err error)) error {
	key, err := idempotencyKey(o.key)
	if err != nil {
		return err
	}
	// What the order is about may stand in the path.
	said, err := json.Marshal([]any{c.Path(), o.body})
	if err != nil {
		return fmt.Errorf("hash the order: %w", err)
	}
	hash := sha256.Sum256(said)
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	user := edge.Who(c).UserID
	out, err := s.do(ctx, once{user, o.route, key, hash[:]}, status, func(tx pgx.Tx) (any, string, error) {
		return effect(ctx, tx, audit.User(user))
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.route, err)
	}
	return out.send(c)
}

// enqueue answers with the job that start enqueues for the admin.
func (s *Server) enqueue(c *fiber.Ctx, o order,
	start func(ctx context.Context, tx pgx.Tx, by audit.Actor) (queue.Record, error)) error {
	return s.carryOut(c, o, fiber.StatusAccepted, func(ctx context.Context, tx pgx.Tx, by audit.Actor) (any, string, error) {
		job, err := start(ctx, tx, by)
		return JobAccepted{JobID: job.ID, EventsURL: eventsURL(job.ID)}, jobURL(job.ID), err
	})
}

// needs reports a field that has to be there.
func needs(field string, there bool) error {
	if there {
		return nil
	}
	return fault.New(fault.Invalid, "The field %s is needed.", field)
}

// word returns a copy of a parameter that is looked for as it is, nil if it isn't there. What PostgreSQL can't hold, and
// what is longer than anything there is, is invalid.
func word(name string, value *string, most int) (*string, error) {
	if value == nil {
		return nil, nil
	}
	text := strings.Clone(*value)
	if text == "" || len(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return nil, fault.New(fault.Invalid, "The parameter %s is a text of 1 to %d bytes.", name, most)
	}
	return &text, nil
}
