package api

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/tuning"
)

const tuningRoute = "POST /api/admin/tunings"

// ListTunings returns a page of all tunings.
func (s *Server) ListTunings(c *fiber.Ctx, params ListTuningsParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	filter := tuning.Filter{Before: before, Limit: int32(size) + 1}
	if params.State != nil {
		state := strings.Clone(*params.State)
		if !slices.Contains(tuning.States(), state) {
			return fault.New(fault.Invalid, "The parameter state is none of a tuning's states.")
		}
		filter.State = &state
	}
	found, err := s.tuning.List(c.UserContext(), filter)
	if err != nil {
		return fmt.Errorf("list tunings: %w", err)
	}
	found, next := cut(found, size, func(t tuning.Tuning) uuid.UUID { return t.ID })
	page := TuningPage{Items: make([]Tuning, len(found)), Next: next}
	for i, t := range found {
		page.Items[i] = shownTuning(t)
	}
	return c.JSON(page)
}

// GetTuning returns a tuning with its events.
func (s *Server) GetTuning(c *fiber.Ctx, id ID) error {
	found, err := s.tuning.Get(c.UserContext(), id)
	if err != nil {
		return fmt.Errorf("get tuning: %w", err)
	}
	return c.JSON(shownTuning(found))
}

// StartTuning has a model tuned.
func (s *Server) StartTuning(c *fiber.Ctx, params StartTuningParams) error {
	key, err := idempotencyKey(params.IdempotencyKey)
	if err != nil {
		return err
	}
	var body TuningRequest
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	order, err := body.order()
	if err != nil {
		return err
	}
	canonical, err := json.Marshal(order)
	if err != nil {
		return fmt.Errorf("hash the order: %w", err)
	}
	hash := sha256.Sum256(canonical)
	by := audit.User(edge.Who(c).UserID)
	request := once{by.User, tuningRoute, key, hash[:]}
	err = s.unlessAnswered(c.UserContext(), request, func() error { return s.tuning.Check(c.UserContext(), by, order) })
	if err != nil {
		return fmt.Errorf("check the order: %w", err)
	}
	out, err := s.do(c.UserContext(), request, fiber.StatusAccepted,
		func(tx pgx.Tx) (any, string, error) {
			t, job, err := s.tuning.Start(c.UserContext(), tx, by, order)
			if err != nil {
				return nil, "", fmt.Errorf("start tuning: %w", err)
			}
			return TuningAccepted{ID: t.ID, JobID: job.ID, EventsURL: eventsURL(job.ID)}, tuningURL(t.ID), nil
		})
	if err != nil {
		return err
	}
	return out.send(c)
}

func tuningURL(id uuid.UUID) string { return "/api/admin/tunings/" + id.String() }

// order is what is asked for, with what is left out filled in.
func (r TuningRequest) order() (tuning.Order, error) {
	dataset, err := uuid.Parse(r.DatasetID)
	if err != nil {
		return tuning.Order{}, fault.Wrap(err, fault.Invalid, "The field dataset_id has to be the id of a dataset.")
	}
	order := tuning.Order{
		DatasetID: dataset, BaseModel: r.BaseModel, Suffix: text(r.Suffix), Validation: r.Validation == nil || *r.Validation,
	}
	if r.Hyperparameters == nil {
		return order, nil
	}
	for name, zero := range map[string]bool{
		"n_epochs":                 r.Hyperparameters.NEpochs != nil && *r.Hyperparameters.NEpochs == 0,
		"batch_size":               r.Hyperparameters.BatchSize != nil && *r.Hyperparameters.BatchSize == 0,
		"learning_rate_multiplier": r.Hyperparameters.LearningRateMultiplier != nil && *r.Hyperparameters.LearningRateMultiplier == 0,
	} {
		if zero {
			return order, fault.New(fault.Invalid, "The %s can't be 0; leave it out to have the service choose.", name)
		}
	}
	order.Hyperparameters = tuning.Hyperparameters{
		Epochs: or0(r.Hyperparameters.NEpochs), BatchSize: or0(r.Hyperparameters.BatchSize),
		LearningRateMultiplier: or0(r.Hyperparameters.LearningRateMultiplier),
	}
	return order, nil
}

func or0[T any](value *T) (zero T) {
	if value == nil {
		return zero
	}
	return *value
}

func orNil[T comparable](value T) *T {
	var zero T
	if value == zero {
		return nil
	}
	return &value
}

func shownTuning(t tuning.Tuning) Tuning {
	out := Tuning{
		ID: t.ID, JobID: t.JobID, DatasetID: t.DatasetID, BaseModel: t.BaseModel, Suffix: orNil(t.Suffix),
		Validation: t.Validation, State: t.State, Model: t.Model, TrainedTokens: t.TrainedTokens, EventCount: t.EventCount,
		CreatedAt: t.CreatedAt.UTC(), FinishedAt: inUTC(t.FinishedAt),
		Service: TuningService{
			TrainingFile: t.TrainingFile, ValidationFile: t.ValidationFile, Job: t.RemoteJob, Status: t.RemoteStatus,
		},
		Hyperparameters: Hyperparameters{
			NEpochs: orNil(t.Hyperparameters.Epochs), BatchSize: orNil(t.Hyperparameters.BatchSize),
			LearningRateMultiplier: orNil(t.Hyperparameters.LearningRateMultiplier),
		},
	}
	if t.ErrorCode != nil {
		out.Error = &JobError{Code: *t.ErrorCode, Message: text(t.ErrorMessage)}
	}
	if t.Events == nil {
		return out
	}
	events := make([]TuningEvent, len(t.Events))
	for i, e := range t.Events {
		events[i] = TuningEvent{Seq: e.Seq, ID: e.ID, At: e.At, Level: e.Level, Message: e.Message, Data: e.Data}
	}
	out.Events = &events
	return out
}
