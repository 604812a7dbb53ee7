package api

import (
	"fmt"

	"github.com/gofiber/fiber/v2"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/fault"
)

// GetQuery shows a question of the user.
func (s *Server) GetQuery(c *fiber.Ctx, job JobID) error {
	query, err := s.ai.ByJob(c.UserContext(), edge.Who(c).UserID, job)
	if err != nil {
		return fmt.Errorf("get query: %w", err)
	}
	return c.JSON(shownQuery(query))
}

// RateAnswer records what the user thinks of an answer.
func (s *Server) RateAnswer(c *fiber.Ctx, job JobID) error {
	var body Rating
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if body.Rating == nil {
		return fault.New(fault.Invalid, "The field rating is needed.")
	}
	query, err := s.ai.Rate(c.UserContext(), edge.Who(c).UserID, job, *body.Rating)
	if err != nil {
		return fmt.Errorf("rate an answer: %w", err)
	}
	return c.JSON(shownQuery(query))
}

func shownQuery(q db.AIQuery) Query {
	out := Query{
		JobID: q.JobID, Model: q.Model, Prompt: q.Prompt, Answer: q.Answer, FinishReason: q.FinishReason,
		CreatedAt: q.CreatedAt.UTC(), FinishedAt: inUTC(q.FinishedAt),
	}
	if q.System != "" {
		out.System = &q.System
	}
	if q.Rating != nil {
		out.Rating = int(*q.Rating)
	}
	return out
}
