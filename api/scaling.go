package api

import (
	"fmt"

	"github.com/gofiber/fiber/v2"

	"rohrpost/internal/scaling"
)

// GetScaling tells how many workers there should be, and why.
func (s *Server) GetScaling(c *fiber.Ctx) error {
	advice, err := s.scaling.Advice(c.UserContext())
	if err != nil {
		return fmt.Errorf("get scaling: %w", err)
	}
	return c.JSON(shownScaling(advice))
}

func shownScaling(a scaling.Advice) Scaling {
	out := Scaling{WindowSeconds: a.Window.Seconds(), Items: make([]WorkerGroup, len(a.Groups))}
	if !a.At.IsZero() {
		out.At = inUTC(&a.At)
	}
	for i, g := range a.Groups {
		out.Items[i] = WorkerGroup{
			Group: g.Group, Queues: g.Queues, Living: g.Living, Desired: g.Desired, Least: g.Least, Most: g.Most, Reason: g.Reason,
		}
	}
	return out
}
