package tuningtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// createJob takes what the API's reference names, and no field beside.
func (s *Server) createJob(w http.ResponseWriter, r *http.Request) *APIError {
	var body struct {
		Model          string            `json:"model"`
		TrainingFile   string            `json:"training_file"`
		ValidationFile *string           `json:"validation_file"`
		Suffix         *string           `json:"suffix"`
		Seed           *int64            `json:"seed"`
		Metadata       map[string]string `json:"metadata"`
		Method         json.RawMessage   `json:"method"`
	}
	if err := strict(r.Body, &body); err != nil {
		return err
	}
	if len(body.Method) > 0 {
		if err := checkMethod(body.Method); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	job := &Job{
		ID: s.newID("ftjob"), Status: "validating_files", Model: body.Model, Training: body.TrainingFile,
		Metadata: body.Metadata, Method: body.Method, At: time.Now().Unix(),
	}
	training := s.file(body.TrainingFile)
	switch {
	case body.Model != Base:
		return &APIError{Status: http.StatusBadRequest, Type: invalidRequest, Code: "model_not_available", fair: true,
			Message: fmt.Sprintf("Model %s is not available for fine-tuning or does not exist.", body.Model)}
	case training == nil:
		return refuse("no training file %q", body.TrainingFile)
	case len(body.Metadata) > 16:
		return refuse("more than 16 keys of metadata")
	}
	if n, err := lines([]byte(training.Content)); err != nil || n < 10 {
		return refuse("%d examples, 10 are needed", n)
	}
	if body.ValidationFile != nil {
		job.Validation = *body.ValidationFile
		if s.file(job.Validation) == nil || job.Validation == job.Training {
			return refuse("no validation file %q", job.Validation)
		}
	}
	if body.Suffix != nil {
		job.Suffix = *body.Suffix
		if len(job.Suffix) < 1 || len(job.Suffix) > 64 {
			return refuse("suffix %q", job.Suffix)
		}
	}
	s.jobs = append(s.jobs, job)
	s.tell(job, "info", "Created fine-tuning job: "+job.ID)
	s.tell(job, "info", "Validating training file: "+job.Training)
	answer(w, http.StatusOK, job.shown())
	return nil
}

func checkMethod(raw json.RawMessage) *APIError {
	var method struct {
		Type       string `json:"type"`
		Supervised struct {
			Hyperparameters struct {
				Epochs *int64   `json:"n_epochs"`
				Batch  *int64   `json:"batch_size"`
				Rate   *float64 `json:"learning_rate_multiplier"`
			} `json:"hyperparameters"`
		} `json:"supervised"`
	}
	if err := strictRaw(raw, &method); err != nil {
		return err
	}
	h := method.Supervised.Hyperparameters
	switch {
	case method.Type != "supervised":
		return refuse("method %q", method.Type)
	case h.Epochs != nil && (*h.Epochs < 1 || *h.Epochs > 50), h.Batch != nil && (*h.Batch < 1 || *h.Batch > 256),
		h.Rate != nil && *h.Rate <= 0:
		return refuse("a hyperparameter is out of its range")
	}
	return nil
}

func (j *Job) shown() any {
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	shown := map[string]any{
		"object": "fine_tuning.job", "id": j.ID, "model": j.Model, "created_at": j.At, "finished_at": nil,
		"fine_tuned_model": null(j.FineTuned), "organization_id": "org-test", "result_files": []string{}, "status": j.Status,
		"validation_file": null(j.Validation), "training_file": j.Training, "trained_tokens": nil, "error": map[string]any{},
		"hyperparameters": map[string]any{"n_epochs": "auto"}, "seed": 7, "integrations": []any{}, "metadata": j.Metadata,
		"estimated_finish": nil,
	}
	if j.Trained > 0 {
		shown["trained_tokens"] = j.Trained
	}
	if j.Error != nil {
		shown["error"] = j.Error
	}
	return shown
}

func (s *Server) listJobs(w http.ResponseWriter, r *http.Request) *APIError {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.jobs)
	slices.Reverse(all)
	body, err := page(s, r, all, func(j *Job) string { return j.ID }, (*Job).shown, "limit", "after")
	if err == nil {
		answer(w, http.StatusOK, body)
	}
	return err
}

func (s *Server) getJob(w http.ResponseWriter, r *http.Request) *APIError {
	s.mu.Lock()
	defer s.mu.Unlock()
	job := s.job(r.PathValue("id"))
	if job == nil {
		return missing("fine-tuning job")
	}
	if len(s.auto) > 0 && !job.ended() {
		next := s.auto[0]
		s.auto = s.auto[1:]
		s.advance(job, next)
	}
	answer(w, http.StatusOK, job.shown())
	return nil
}

func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) *APIError {
	s.mu.Lock()
	defer s.mu.Unlock()
	job := s.job(r.PathValue("id"))
	if job == nil {
		return missing("fine-tuning job")
	}
	all := slices.Clone(job.events)
	if !s.ascends {
		slices.Reverse(all)
	}
	body, err := page(s, r, all, func(e event) string { return e.id }, func(e event) any {
		shown := map[string]any{
			"object": "fine_tuning.job.event", "id": e.id, "created_at": e.at, "level": e.level, "message": e.message,
			"type": "message",
		}
		if e.data != nil {
			shown["type"], shown["data"] = "metrics", e.data
		}
		return shown
	}, "limit", "after")
	if err == nil {
		answer(w, http.StatusOK, body)
	}
	return err
}

func (s *Server) cancelJob(w http.ResponseWriter, r *http.Request) *APIError {
	if raw, err := io.ReadAll(r.Body); err != nil || len(raw) > 0 {
		return refuse("a cancel with a body")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	job := s.job(r.PathValue("id"))
	switch {
	case job == nil:
		return missing("fine-tuning job")
	case job.ended():
		err := refuse("Job has already completed: %s", job.ID)
		err.fair = true
		return err
	}
	s.advance(job, "cancelled")
	answer(w, http.StatusOK, job.shown())
	return nil
}

func (s *Server) deleteModel(w http.ResponseWriter, r *http.Request) *APIError {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := r.PathValue("id")
	if !s.models[name] {
		return missing("model")
	}
	delete(s.models, name)
	answer(w, http.StatusOK, map[string]any{"id": name, "object": "model", "deleted": true})
	return nil
}

func (s *Server) job(id string) *Job {
	for _, j := range s.jobs {
		if j.ID == id {
			return j
		}
	}
	return nil
}

func (j *Job) ended() bool {
	return j.Status == "succeeded" || j.Status == "failed" || j.Status == "cancelled"
}

// Advance brings the newest job into another state, as the service does by and by.
func (s *Server) Advance(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance(s.jobs[len(s.jobs)-1], status)
}

// Auto has each look at a job bring it into the next of these states.
func (s *Server) Auto(states ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auto = states
}

// Tell adds an event to the newest job.
func (s *Server) Tell(level, message string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(s.jobs[len(s.jobs)-1], level, message)
}

func (s *Server) advance(job *Job, status string) {
	job.Status = status
	switch status {
	case "running":
		s.tell(job, "info", "Fine-tuning job started")
		job.events[len(job.events)-1].data = json.RawMessage(`{"step":1,"train_loss":0.5}`)
	case "succeeded":
		job.FineTuned = "ft:" + job.Model + ":test:" + job.Suffix + ":" + job.ID
		job.Trained = 4096
		s.models[job.FineTuned] = true
		s.tell(job, "info", "New fine-tuned model created")
		s.tell(job, "info", "The job has successfully completed")
	case "failed":
		job.Error = &APIError{Code: "exceeded_quota", Message: "The data was found wanting.", Param: "training_file"}
		s.tell(job, "error", "The job failed")
	case "cancelled":
		s.tell(job, "info", "Fine-tuning job cancelled")
	}
}

// tell adds an event, a second after the one before: by less nobody could tell in which order they are listed.
func (s *Server) tell(job *Job, level, message string) {
	job.events = append(job.events, event{
		id: s.newID("ftevent"), level: level, message: message, at: job.At + int64(len(job.events)),
	})
}
