package queue

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"rohrpost/db"
)

const (
	// Attempts and deadlines are PostgreSQL's decision; Asynq must not end a task by itself.
	asynqNever   = 10 * 365 * 24 * time.Hour
	asynqRetries = 1 << 30
)

// ref is the claim check: all that Redis carries of a job.
type ref struct {
	Job   uuid.UUID `json:"job"`
	Epoch int64     `json:"epoch"`
}

// taskID names one dispatch: the same one twice is the same task, and a later epoch is another.
func (r ref) taskID() string { return r.Job.String() + ":" + strconv.FormatInt(r.Epoch, 10) }

// limitedHeader is on the tasks of jobs with limits, so that their claim doesn't begin with the wrong question.
const limitedHeader = "limited"

// task makes the Asynq task of a job. Its traceparent travels as a header.
func task(job db.Job) (*asynq.Task, error) {
	r := ref{job.ID, job.Epoch}
	payload, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("claim check of %s: %w", r.taskID(), err)
	}
	headers := map[string]string{}
	if job.TraceContext != nil {
		headers["traceparent"] = *job.TraceContext
	}
	if limited(job) {
		headers[limitedHeader] = "true"
	}
	return asynq.NewTaskWithHeaders(job.Kind, payload, headers, asynq.TaskID(r.taskID()), asynq.Timeout(asynqNever),
		asynq.MaxRetry(asynqRetries)), nil
}

func parseRef(payload []byte) (ref, error) {
	var r ref
	if err := json.Unmarshal(payload, &r); err != nil {
		return ref{}, fmt.Errorf("claim check: %w", err)
	}
	return r, nil
}

// The keys under which Asynq keeps a queue; pinned by a test against the library.
func asynqKey(queue, name string) string { return "asynq:{" + queue + "}:" + name }
