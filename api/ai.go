package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/internal/ai"
)

const askRoute = "POST /api/ai/query"

// AskModel puts a question to a model.
func (s *Server) AskModel(c *fiber.Ctx, params AskModelParams) error {
	key, err := idempotencyKey(params.IdempotencyKey)
	if err != nil {
		return err
	}
	var body Question
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	question := ai.Question{Prompt: body.Prompt, Model: text(body.Model), System: text(body.System)}
	canonical, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("hash the question: %w", err)
	}
	hash := sha256.Sum256(canonical)
	user := edge.Who(c).UserID
	out, err := s.do(c.UserContext(), once{user, askRoute, key, hash[:]}, fiber.StatusAccepted,
		func(tx pgx.Tx) (any, string, error) {
			job, err := s.ask(c.UserContext(), tx, user, question)
			return QuestionAccepted{JobID: job, EventsURL: eventsURL(job)}, jobURL(job), err
		})
	if err != nil {
		return err
	}
	return out.send(c)
}

func (s *Server) ask(ctx context.Context, tx pgx.Tx, user uuid.UUID, q ai.Question) (uuid.UUID, error) {
	_, job, err := s.ai.Ask(ctx, tx, user, q)
	if err != nil {
		return uuid.Nil, fmt.Errorf("ask: %w", err)
	}
	return job.ID, nil
}

// text returns a copy of an optional string.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return strings.Clone(*s)
}
