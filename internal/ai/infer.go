package ai

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// keepWithin bounds recording what a stopped generation had said, which is done when the job's own time is over.
const keepWithin = 5 * time.Second

// Result is the outcome of an ai:infer job. Times are in milliseconds; the first token's is 0 if there was none.
type Result struct {
	QueryID          uuid.UUID `json:"query_id"`
	Model            string    `json:"model"`
	Answer           string    `json:"answer"`
	FinishReason     string    `json:"finish_reason"`
	PromptTokens     int       `json:"prompt_tokens"`
	CompletionTokens int       `json:"completion_tokens"`
	FirstTokenMS     int64     `json:"first_token_ms"`
	TotalMS          int64     `json:"total_ms"`
}

// phase is the progress of a job whose model thinks before it speaks.
type phase struct {
	Phase string `json:"phase"`
}

// Infer puts a recorded question to its model. The answer is recorded in the transaction that ends the job; of a
// cancelled one, what was said so far is kept.
func (s *Service) Infer(ctx context.Context, job *queue.Job[tasks.InferArgs]) (any, error) {
	if s.models == nil && s.remote == nil {
		return nil, notConfigured()
	}
	query, err := db.New().AIQueryByID(ctx, s.pool, job.Args.QueryID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "The question is gone.")
	}
	if err != nil {
		return nil, fmt.Errorf("question %s: %w", job.Args.QueryID, err)
	}
	models, err := s.who(ctx, query.Model)
	if err != nil {
		return nil, err
	}
	answer, err := s.stream(ctx, job, query, models)
	cause := context.Cause(ctx)
	switch {
	// The stream refuses the tokens of a cancelled job, too, and that looks like a lost one. Keeping is guarded.
	case errors.Is(cause, queue.ErrCancelled), errors.Is(cause, queue.ErrLost):
		return nil, errors.Join(cause, s.keep(ctx, job.Run, query.ID, answer))
	case err != nil:
		return nil, fmt.Errorf("ask %s: %w", query.Model, err)
	}
	result := Result{
		QueryID: query.ID, Model: query.Model, Answer: answer.Text, FinishReason: answer.FinishReason,
		PromptTokens: answer.PromptTokens, CompletionTokens: answer.CompletionTokens,
		FirstTokenMS: answer.FirstToken.Milliseconds(), TotalMS: answer.Total.Milliseconds(),
	}
	return nil, db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if err := queue.Complete(ctx, tx, job.Run, result); err != nil {
			return err
		}
		return finish(ctx, tx, result)
	})
}

// stream generates the answer with its tokens going to the job's stream. When it returns they are all there, or given
// up: the outcome must not overtake them.
func (s *Service) stream(ctx context.Context, job *queue.Job[tasks.InferArgs], query db.AIQuery,
	models *models) (Answer, error) {
	var background sync.WaitGroup
	defer background.Wait()
	thinking := func() {
		background.Go(func() {
			if err := job.Progress(ctx, phase{"thinking"}); err != nil {
				job.Log().Debug("progress not told", "err", err)
			}
		})
	}
	tokens := job.Tokens()
	question := Question{Prompt: query.Prompt, Model: query.Model, System: query.System}
	answer, err := models.generate(ctx, question, tokens.Write, thinking)
	if lost := tokens.Close(context.WithoutCancel(ctx)); lost != nil && ctx.Err() == nil {
		job.Log().Warn("tokens lost on the way to the stream; the record has them", "err", lost)
	}
	return answer, err
}

func finish(ctx context.Context, tx pgx.Tx, r Result) error {
	err := db.New().FinishAIQuery(ctx, tx, db.FinishAIQueryParams{
		ID: r.QueryID, Answer: &r.Answer, FinishReason: &r.FinishReason,
		PromptTokens: count(r.PromptTokens), CompletionTokens: count(r.CompletionTokens),
		FirstTokenMs: &r.FirstTokenMS, TotalMs: &r.TotalMS,
	})
	if err != nil {
		return fmt.Errorf("record answer %s: %w", r.QueryID, err)
	}
	return nil
}

// keep records what a cancelled generation had said. The job is over by now, and so is its context.
func (s *Service) keep(ctx context.Context, run *queue.Run, id uuid.UUID, answer Answer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepWithin)
	defer cancel()
	first, total := answer.FirstToken.Milliseconds(), answer.Total.Milliseconds()
	_, err := db.New().KeepCancelledAnswer(ctx, s.pool, db.KeepCancelledAnswerParams{
		ID: id, Epoch: run.Epoch(), Answer: &answer.Text, FirstTokenMs: &first, TotalMs: &total,
	})
	if err != nil {
		return fmt.Errorf("keep answer %s: %w", id, err)
	}
	return nil
}

// count fits a number of tokens into its column. Config.MaxTokens keeps it far below the bound.
func count(n int) *int32 {
	v := int32(n)
	return &v
}
