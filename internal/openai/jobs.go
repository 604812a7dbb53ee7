package openai

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"rohrpost/internal/fault"
)

// The states of a fine-tuning job at the service that are its last.
const (
	Succeeded = "succeeded"
	Failed    = "failed"
	Cancelled = "cancelled"
)

// refKey is the key of our reference in a job's metadata.
const refKey = "rohrpost_tuning"

const (
	maxID      = 200     // bytes of an id of the service's
	maxMessage = 4 << 10 // bytes of an event's message
	maxData    = 8 << 10 // bytes of an event's data
)

// Job is a fine-tuning job as the service has it.
type Job struct {
	ID, Status      string
	Model           string // the finished one
	TrainedTokens   int64
	EstimatedFinish *time.Time
	Code, Message   string // why it failed
}

// Ended tells whether nothing more becomes of the job.
func (j Job) Ended() bool {
	return j.Status == Succeeded || j.Status == Failed || j.Status == Cancelled
}

// Order is what a job is to do.
type Order struct {
	Ref                          string // ours, to recognise the job by
	BaseModel, Suffix            string
	TrainingFile, ValidationFile string // ids; there may be no validation
	Epochs, BatchSize            int64  // 0 leaves it to the service
	LearningRateMultiplier       float64
}

// CreateJob starts a job. When the error is retryable the service may have started it all the same; [Client.FindJob]
// tells.
func (c *Client) CreateJob(ctx context.Context, order Order) (Job, error) {
	params := sdk.FineTuningJobNewParams{
		Model: sdk.FineTuningJobNewParamsModel(order.BaseModel), TrainingFile: order.TrainingFile,
		Metadata: map[string]string{refKey: order.Ref},
	}
	if order.Suffix != "" {
		params.Suffix = sdk.String(order.Suffix)
	}
	if order.ValidationFile != "" {
		params.ValidationFile = sdk.String(order.ValidationFile)
	}
	if hyper, any := order.hyperparameters(); any {
		params.Method = sdk.FineTuningJobNewParamsMethod{
			Type: "supervised", Supervised: sdk.SupervisedMethodParam{Hyperparameters: hyper},
		}
	}
	var made *sdk.FineTuningJob
	err := c.exchange(ctx, c.cfg.Timeout, func(ctx context.Context, o option.RequestOption) (err error) {
		made, err = c.jobs.New(ctx, params, o)
		return err
	})
	if err == nil {
		err = identified(made.ID)
	}
	if err != nil {
		return Job{}, fmt.Errorf("create the tuning job: %w", err)
	}
	return c.job(*made), nil
}

func (o Order) hyperparameters() (h sdk.SupervisedHyperparameters, any bool) {
	if o.Epochs > 0 {
		h.NEpochs.OfInt, any = sdk.Int(o.Epochs), true
	}
	if o.BatchSize > 0 {
		h.BatchSize.OfInt, any = sdk.Int(o.BatchSize), true
	}
	if o.LearningRateMultiplier > 0 {
		h.LearningRateMultiplier.OfFloat, any = sdk.Float(o.LearningRateMultiplier), true
	}
	return h, any
}

// Job asks how a job is doing.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var got *sdk.FineTuningJob
	err := c.exchange(ctx, c.cfg.Timeout, func(ctx context.Context, o option.RequestOption) (err error) {
		got, err = c.jobs.Get(ctx, id, o)
		return err
	})
	if err == nil && got.ID != id {
		err = fault.New(fault.Unavailable, "The model service answered with another job.")
	}
	if err != nil {
		return Job{}, fmt.Errorf("ask for the tuning job: %w", err)
	}
	return c.job(*got), nil
}

// CancelJob asks the service to stop a job. One that has ended already is invalid, an unknown one not_found.
func (c *Client) CancelJob(ctx context.Context, id string) (Job, error) {
	var got *sdk.FineTuningJob
	err := c.exchange(ctx, c.cfg.Timeout, func(ctx context.Context, o option.RequestOption) (err error) {
		got, err = c.jobs.Cancel(ctx, id, o)
		return err
	})
	if err != nil {
		return Job{}, fmt.Errorf("cancel the tuning job: %w", err)
	}
	return c.job(*got), nil
}

// Event is what a job told.
type Event struct {
	ID      string
	At      time.Time
	Level   string // info, warn or error
	Message string
	Data    json.RawMessage // metrics, such as the loss at a step; nil if there are none
}

// Events is a page of a job's events in the service's order, which OpenAI begins with the newest, and whether more
// follow.
func (c *Client) Events(ctx context.Context, job, after string) (events []Event, more bool, err error) {
	query := sdk.FineTuningJobListEventsParams{Limit: sdk.Int(pageSize)}
	if after != "" {
		query.After = sdk.String(after)
	}
	err = c.exchange(ctx, c.cfg.Timeout, func(ctx context.Context, o option.RequestOption) error {
		page, err := c.jobs.ListEvents(ctx, job, query, o)
		if err != nil {
			return err
		}
		more = page.HasMore
		for _, e := range page.Data {
			if identified(e.ID) == nil {
				events = append(events, c.event(e))
			}
		}
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("ask for the events of the tuning job: %w", err)
	}
	return events, more, nil
}

// DeleteFile deletes a file; one that isn't there is fine.
func (c *Client) DeleteFile(ctx context.Context, id string) error {
	err := c.exchange(ctx, c.cfg.Timeout, func(ctx context.Context, o option.RequestOption) error {
		_, err := c.files.Delete(ctx, id, o)
		return err
	})
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		return fmt.Errorf("delete the file %s: %w", id, err)
	}
	return nil
}

// DeleteModel deletes a tuned model; one that isn't there is fine.
func (c *Client) DeleteModel(ctx context.Context, name string) error {
	err := c.exchange(ctx, c.cfg.Timeout, func(ctx context.Context, o option.RequestOption) error {
		_, err := c.models.Delete(ctx, name, o)
		return err
	})
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		return fmt.Errorf("delete the model %s: %w", name, err)
	}
	return nil
}

func (c *Client) job(j sdk.FineTuningJob) Job {
	job := Job{
		ID: j.ID, Status: c.clean(string(j.Status), maxID), Model: j.FineTunedModel, TrainedTokens: j.TrainedTokens,
		Code: c.clean(j.Error.Code, maxID), Message: c.clean(j.Error.Message, maxSaid),
	}
	if j.EstimatedFinish > 0 && j.EstimatedFinish < math.MaxInt32 {
		at := time.Unix(j.EstimatedFinish, 0).UTC()
		job.EstimatedFinish = &at
	}
	return job
}

func (c *Client) event(e sdk.FineTuningJobEvent) Event {
	event := Event{
		ID: e.ID, At: time.Unix(min(max(e.CreatedAt, 0), math.MaxInt32), 0).UTC(), Level: c.clean(string(e.Level), 20),
		Message: c.clean(e.Message, maxMessage),
	}
	// PostgreSQL takes no NUL, in whatever spelling.
	if raw := e.JSON.Data.Raw(); raw != "" && raw != "null" && raw != "{}" && len(raw) <= maxData && json.Valid([]byte(raw)) &&
		Clean(raw, maxData+1) != "" && !containsNUL(raw) {
		event.Data = json.RawMessage(raw)
	}
	return event
}
