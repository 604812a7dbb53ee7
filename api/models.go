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
	"rohrpost/db"
	"rohrpost/internal/ai"
	"rohrpost/internal/audit"
	"rohrpost/internal/queue"
	"rohrpost/internal/tuning"
)

const modelRoute = "POST /api/admin/models"

// ListModels tells which models can be asked.
func (s *Server) ListModels(c *fiber.Ctx) error {
	found, err := s.tuning.Catalog(c.UserContext())
	if err != nil {
		return fmt.Errorf("list models: %w", err)
	}
	list := ModelList{Items: make([]Model, len(found))}
	for i, m := range found {
		list.Items[i] = shownModel(m)
	}
	return c.JSON(list)
}

func shownModel(m tuning.Known) Model {
	return Model{
		Name: m.Name, Provider: m.Provider, Available: m.Available, Default: m.Default, State: orNil(m.State),
		Base: orNil(m.Base), Size: orNil(m.Size), TuningID: m.TuningID, CreatedAt: m.CreatedAt.UTC(),
	}
}

// CreateModel has a model made at the Ollama server.
func (s *Server) CreateModel(c *fiber.Ctx, params CreateModelParams) error {
	key, err := idempotencyKey(params.IdempotencyKey)
	if err != nil {
		return err
	}
	var body ModelRequest
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	recipe := ai.Recipe{Name: body.Name, Base: body.Base, System: text(body.System), Template: text(body.Template)}
	if body.Parameters != nil {
		recipe.Parameters = *body.Parameters
	}
	canonical, err := json.Marshal(recipe)
	if err != nil {
		return fmt.Errorf("hash the recipe: %w", err)
	}
	hash := sha256.Sum256(canonical)
	by := audit.User(edge.Who(c).UserID)
	request := once{by.User, modelRoute, key, hash[:]}
	err = s.unlessAnswered(c.UserContext(), request, func() error { return s.tuning.CheckModel(c.UserContext(), recipe) })
	if err != nil {
		return fmt.Errorf("check the recipe: %w", err)
	}
	out, err := s.do(c.UserContext(), request, fiber.StatusAccepted, func(tx pgx.Tx) (any, string, error) {
		model, job, err := s.tuning.StartModel(c.UserContext(), tx, by, recipe)
		if err != nil {
			return nil, "", fmt.Errorf("start making a model: %w", err)
		}
		return acceptedModel(model.Name, job.ID), jobURL(job.ID), nil
	})
	if err != nil {
		return err
	}
	return out.send(c)
}

// DeleteModel has a model deleted that was made here.
func (s *Server) DeleteModel(c *fiber.Ctx, name string) error {
	name = strings.Clone(name)
	ctx, cancel := context.WithTimeout(c.UserContext(), maintenanceTimeout)
	defer cancel()
	var job queue.Record
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		job, err = s.tuning.StartDelete(ctx, tx, audit.User(edge.Who(c).UserID), name)
		return err
	})
	if err != nil {
		return fmt.Errorf("delete a model: %w", err)
	}
	c.Location(jobURL(job.ID))
	return c.Status(fiber.StatusAccepted).JSON(acceptedModel(name, job.ID))
}

func acceptedModel(name string, job uuid.UUID) ModelAccepted {
	return ModelAccepted{Name: name, JobID: job, EventsURL: eventsURL(job)}
}
