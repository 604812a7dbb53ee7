package api

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"rohrpost/api/edge"
	"rohrpost/db"
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
	out, err := s.write(c.UserContext(), once{user, askRoute, key, hash[:]}, fiber.StatusAccepted,
		func(w *db.Writes) (any, string, error) {
			job, err := s.ai.Ask(c.UserContext(), w, user, question)
			if err != nil {
				return nil, "", fmt.Errorf("ask: %w", err)
			}
			return QuestionAccepted{JobID: job.ID, EventsURL: eventsURL(job.ID)}, jobURL(job.ID), nil
		})
	if err != nil {
		return err
	}
	return out.send(c)
}

// text returns a copy of an optional string.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return strings.Clone(*s)
}
