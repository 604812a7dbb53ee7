package ai

import (
	"context"
	"errors"

	"rohrpost/internal/fault"
	"rohrpost/internal/openai"
)

// remote is a service that speaks OpenAI's API, for the models that were tuned there.
type remote struct {
	client *openai.Client
}

// chat asks for no bound on the tokens: it is called differently for different models, and each has a greatest value of
// its own. Config.MaxTokens holds all the same, as who listens leaves.
func (r remote) chat(ctx context.Context, q Question, fn func(chunk) error) error {
	var end chunk
	err := r.client.Chat(ctx, q.Model, q.System, q.Prompt, func(c openai.Chunk) error {
		if c.Usage != nil {
			end.usage = &usage{prompt: c.Usage.Prompt, completion: c.Usage.Completion}
		}
		if c.FinishReason != "" {
			end.final = reason(c.FinishReason)
		}
		if c.Text == "" && !c.Thinking && c.FinishReason != "" || c.Usage != nil {
			return nil
		}
		return fn(chunk{text: c.Text, thinking: c.Thinking})
	})
	// The counts come after the reason. A service that was cut off between them has told all of the answer.
	if end.final != "" && (err == nil || ctx.Err() == nil && !errors.Is(err, errLeft)) {
		return fn(end)
	}
	return err
}

func reason(said string) string {
	switch said {
	case Length, Filtered:
		return said
	}
	return Stop
}

func (remote) classify(err error, model string) error {
	switch {
	case errors.Is(err, errSilent):
		return fault.Wrap(err, fault.Timeout, "The model %s did not answer in time.", model)
	case fault.CodeOf(err) == fault.NotFound:
		return fault.Wrap(err, ModelNotFound, "The model service has no model %s.", model)
	case fault.CodeOf(err) == fault.Internal:
		return fault.Wrap(err, fault.Unavailable, "The model service broke off its answer.")
	}
	return err
}

func (remote) key(model string) string { return "service/" + model }
