package ai

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Ask records a question of owner and enqueues it, in w: it is put to its model if and only if that commits. The record of
// the job is what is known before. Errors have the codes invalid and [NotConfigured]. Whether the model exists turns out
// when it is asked.
func (s *Service) Ask(ctx context.Context, w *db.Writes, owner uuid.UUID, q Question) (db.Job, error) {
	if s.models == nil && s.remote == nil {
		return db.Job{}, notConfigured()
	}
	q, err := q.sensible(s.cfg)
	if err != nil {
		return db.Job{}, err
	}
	models, err := s.answerer(ctx, q)
	if err != nil {
		return db.Job{}, err
	}
	atOnce := s.cfg.PerTunedModel
	if models == s.models {
		atOnce = s.cfg.PerModel
	}
	id, err := uuid.NewV7()
	if err != nil {
		return db.Job{}, fmt.Errorf("query id: %w", err)
	}
	job, err := queue.EnqueueWith(ctx, w, tasks.Infer, tasks.InferArgs{QueryID: id},
		queue.By(owner), queue.LimitKey(models.server.key(q.Model)), queue.KeyLimit(atOnce))
	if err != nil {
		return db.Job{}, err
	}
	if err := db.New().InsertAIQuery(ctx, w, db.InsertAIQueryParams{
		ID: id, Owner: owner, JobID: job.ID, Model: q.Model, System: q.System, Prompt: q.Prompt,
	}); err != nil {
		return db.Job{}, fmt.Errorf("record question: %w", err)
	}
	return job, nil
}

// answerer is whom a question goes to by what is known of the tuned models. A question is refused only after a look at
// the record: its model may have been tuned just now.
func (s *Service) answerer(ctx context.Context, q Question) (*models, error) {
	tuned, err := s.tuned.has(ctx, s.pool, q.Model)
	if err != nil {
		return nil, err
	}
	models, err := s.at(q.Model, tuned)
	if err == nil && models == s.models {
		err = q.forOllama()
	}
	if err == nil {
		return models, nil
	}
	if models, err = s.who(ctx, q.Model); err == nil && models == s.models {
		err = q.forOllama()
	}
	return models, err
}
