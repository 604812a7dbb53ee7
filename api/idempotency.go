package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

const (
	replayedHeader = "Idempotency-Replayed"
	maxKey         = 255
)

// once names a request that must have its effect once, however often it is sent.
type once struct {
	user  uuid.UUID
	route string
	key   string // empty: each request has its effect
	hash  []byte // of what is asked for
}

// outcome is an answer that can be given again.
type outcome struct {
	status   int
	location string
	body     []byte // JSON
	replayed bool
}

// idempotencyKey returns a copy of the key in the header, empty if there is none.
func idempotencyKey(header *IdempotencyKey) (string, error) {
	if header == nil {
		return "", nil
	}
	key := *header
	visible := func(r rune) bool { return r < '!' || r > '~' }
	if key == "" || len(key) > maxKey || strings.ContainsFunc(key, visible) {
		return "", fault.New(fault.Invalid, "An Idempotency-Key has 1 to %d visible ASCII characters.", maxKey)
	}
	return strings.Clone(key), nil
}

// do runs effect in a transaction and answers with status and what it returns as JSON. The key is reserved, the effect
// done and the answer stored in that one transaction: of several at once, one has the effect while the others wait and
// then get its answer. An effect that fails leaves nothing, so it may be tried again under the same key.
func (s *Server) do(ctx context.Context, o once, status int,
	effect func(tx pgx.Tx) (body any, location string, err error)) (outcome, error) {
	var out outcome
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if o.key == "" {
			out, err = perform(status, tx, effect)
			return err
		}
		reserved, err := s.queries.ReserveIdempotencyKey(ctx, tx, db.ReserveIdempotencyKeyParams{
			UserID: o.user, Route: o.route, Key: o.key, BodyHash: o.hash})
		if err != nil {
			return fmt.Errorf("reserve the idempotency key: %w", err)
		}
		if reserved == 0 {
			out, err = s.answered(ctx, tx, o)
			out.replayed = true
			return err
		}
		if out, err = perform(status, tx, effect); err != nil {
			return err
		}
		stored, err := out.stored()
		if err != nil {
			return err
		}
		if err := s.queries.StoreIdempotentAnswer(ctx, tx, db.StoreIdempotentAnswerParams{
			Status: int32(status), Response: stored, UserID: o.user, Route: o.route, Key: o.key}); err != nil {
			return fmt.Errorf("keep the answer: %w", err)
		}
		return nil
	})
	return out, err
}

// write is [Server.do] for an effect that only writes: it goes to PostgreSQL in one exchange, and its key with it.
func (s *Server) write(ctx context.Context, o once, status int,
	effect func(w *db.Writes) (body any, location string, err error)) (outcome, error) {
	var effects db.Writes
	out, err := perform(status, &effects, effect)
	if err == nil {
		err = db.AtOnce(ctx, s.pool, func(w *db.Writes) error {
			if o.key != "" {
				if err := s.takeKey(ctx, w, o, out); err != nil {
					return err
				}
			}
			w.Then(&effects)
			return nil
		})
		if !keyTaken(err) {
			return out, err
		}
	} else if o.key == "" {
		return out, err
	}
	// There is a first answer, or there may be one where the effect is refused by now; and nothing was written.
	return s.do(ctx, o, status, func(tx pgx.Tx) (any, string, error) {
		var effects db.Writes
		body, location, err := effect(&effects)
		if err != nil {
			return nil, "", err
		}
		return body, location, effects.In(ctx, tx)
	})
}

func (s *Server) takeKey(ctx context.Context, w *db.Writes, o once, out outcome) error {
	w.Alone() // it waits for a transaction that is using the same key
	stored, err := out.stored()
	if err != nil {
		return err
	}
	if err := s.queries.TakeIdempotencyKey(ctx, w, db.TakeIdempotencyKeyParams{
		UserID: o.user, Route: o.route, Key: o.key, BodyHash: o.hash, Status: int32(out.status), Response: stored}); err != nil {
		return fmt.Errorf("take the idempotency key: %w", err)
	}
	return nil
}

// keyTaken tells that a transaction was refused because its idempotency key is on record.
func keyTaken(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == "idempotency_keys_pkey"
}

// unlessAnswered runs a check that looks beyond the database, and so can't be part of the effect, unless the request has
// its first answer already: what it checks may look different by now.
func (s *Server) unlessAnswered(ctx context.Context, o once, check func() error) error {
	if o.key != "" {
		_, err := s.queries.IdempotentAnswer(ctx, s.pool, db.IdempotentAnswerParams{UserID: o.user, Route: o.route, Key: o.key})
		if err == nil {
			return nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("look for the first answer: %w", err)
		}
	}
	return check()
}

// storedAnswer keeps the body as text: PostgreSQL's jsonb would give it back in another order, and the second answer is
// to be the first one byte by byte.
type storedAnswer struct {
	Location string `json:"location"`
	Body     string `json:"body"`
}

func (o outcome) stored() (json.RawMessage, error) {
	raw, err := json.Marshal(storedAnswer{Location: o.location, Body: string(o.body)})
	if err != nil {
		return nil, fmt.Errorf("keep the answer: %w", err)
	}
	return raw, nil
}

func perform[T any](status int, in T, effect func(in T) (any, string, error)) (outcome, error) {
	body, location, err := effect(in)
	if err != nil {
		return outcome{}, err
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return outcome{}, fmt.Errorf("encode the answer: %w", err)
	}
	return outcome{status: status, location: location, body: raw}, nil
}

// answered reads the first answer to o.
func (s *Server) answered(ctx context.Context, tx pgx.Tx, o once) (outcome, error) {
	row, err := s.queries.IdempotentAnswer(ctx, tx, db.IdempotentAnswerParams{UserID: o.user, Route: o.route, Key: o.key})
	if errors.Is(err, pgx.ErrNoRows) {
		// It ran out between the two statements.
		return outcome{}, fault.Wrap(err, fault.Unavailable, "The idempotency key is just running out; send it again.")
	}
	if err != nil {
		return outcome{}, fmt.Errorf("read the first answer: %w", err)
	}
	if string(row.BodyHash) != string(o.hash) {
		return outcome{}, fault.New(fault.IdemMismatch, "This Idempotency-Key was used before with another content.")
	}
	var stored storedAnswer
	if err := json.Unmarshal(row.Response, &stored); err != nil {
		return outcome{}, fmt.Errorf("read the first answer: %w", err)
	}
	return outcome{status: int(row.Status), location: stored.Location, body: []byte(stored.Body)}, nil
}

func (o outcome) send(c *fiber.Ctx) error {
	if o.location != "" {
		c.Location(o.location)
	}
	if o.replayed {
		c.Set(replayedHeader, "true")
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(o.status).Send(o.body)
}
