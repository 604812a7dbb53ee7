package tuning

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/datasets"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Order is what to tune, and with what.
type Order struct {
	DatasetID       uuid.UUID
	BaseModel       string // by the service's name for it
	Suffix          string // becomes part of the new model's name; may be empty
	Hyperparameters Hyperparameters
	Validation      bool // with the dataset's part to validate by, if it has one
}

// Hyperparameters are left to the service where they are zero.
type Hyperparameters struct {
	Epochs                 int64   `json:"n_epochs,omitempty"`
	BatchSize              int64   `json:"batch_size,omitempty"`
	LearningRateMultiplier float64 `json:"learning_rate_multiplier,omitempty"`
}

const (
	maxEpochs    = 50
	maxBatchSize = 256
	maxRate      = 100
)

var (
	baseName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,199}$`)
	suffixName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

func (o Order) check() error {
	h := o.Hyperparameters
	switch {
	case !baseName.MatchString(o.BaseModel):
		return fault.New(fault.Invalid, "The base_model is not the name of a model.")
	case o.Suffix != "" && !suffixName.MatchString(o.Suffix):
		return fault.New(fault.Invalid, "The suffix has up to 64 letters, digits, - and _, and begins with one of the first two.")
	case h.Epochs < 0 || h.Epochs > maxEpochs:
		return fault.New(fault.Invalid, "The n_epochs go from 1 to %d.", maxEpochs)
	case h.BatchSize < 0 || h.BatchSize > maxBatchSize:
		return fault.New(fault.Invalid, "The batch_size goes from 1 to %d.", maxBatchSize)
	case !(h.LearningRateMultiplier >= 0 && h.LearningRateMultiplier <= maxRate):
		return fault.New(fault.Invalid, "The learning_rate_multiplier is over 0 and at most %d.", maxRate)
	}
	return nil
}

// Check looks whether an order can be carried out, before the transaction that records it. Errors: invalid, not_found,
// [NotConfigured], [NotFit], dataset_not_ready.
func (s *Service) Check(ctx context.Context, by audit.Actor, o Order) error {
	if !s.Configured() {
		return notConfigured()
	}
	if err := o.check(); err != nil {
		return err
	}
	dataset, err := s.Datasets.Get(ctx, viewer(by.User), o.DatasetID)
	if err != nil {
		return err
	}
	if dataset.Spec.Format != datasets.Chat {
		return fault.New(NotFit, "The dataset has the format %q; tuning needs one of %q.", dataset.Spec.Format, datasets.Chat)
	}
	file, err := s.open(ctx, by.User, o.DatasetID, datasets.Train)
	if err != nil {
		return err
	}
	if file.Rows < minExamples {
		return fault.New(NotFit, "The dataset has %d examples to train with; %d are the least.", file.Rows, minExamples)
	}
	return nil
}

// viewer is an administrator: nobody else starts a tuning.
func viewer(owner uuid.UUID) datasets.Viewer { return datasets.Viewer{ID: owner, Admin: true} }

// Start records a tuning and enqueues it, in tx. Call Check before.
func (s *Service) Start(ctx context.Context, tx pgx.Tx, by audit.Actor, o Order) (db.Tuning, queue.Record, error) {
	none := func(err error) (db.Tuning, queue.Record, error) { return db.Tuning{}, queue.Record{}, err }
	if !s.Configured() {
		return none(notConfigured())
	}
	if err := o.check(); err != nil {
		return none(err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return none(fmt.Errorf("tuning id: %w", err))
	}
	hyper, err := json.Marshal(o.Hyperparameters)
	if err != nil {
		return none(fmt.Errorf("hyperparameters: %w", err))
	}
	job, err := queue.Enqueue(ctx, tx, tasks.Tune, tasks.TuneArgs{TuningID: id}, queue.By(by.User))
	if err != nil {
		return none(err)
	}
	tuning, err := s.queries.InsertTuning(ctx, tx, db.InsertTuningParams{
		ID: id, Owner: by.User, JobID: job.ID, DatasetID: o.DatasetID, BaseModel: o.BaseModel, Suffix: o.Suffix,
		Hyperparameters: hyper, Validation: o.Validation,
	})
	if err != nil {
		return none(fmt.Errorf("record tuning: %w", err))
	}
	err = audit.Record(ctx, tx, by, audit.Entry{Action: "tuning.start", Target: id.String(), Detail: map[string]any{
		"dataset_id": o.DatasetID, "base_model": o.BaseModel, "job_id": job.ID,
	}})
	return tuning, job, err
}
