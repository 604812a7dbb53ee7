package openai

import (
	"context"
	"net/http"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// Chunk is a piece of an answer.
type Chunk struct {
	Text         string
	Thinking     bool   // the model thinks before it speaks
	FinishReason string // of the last piece with text: the model was done, and why
	// Usage is there in the last chunk of all, if the service counts.
	Usage *Usage
}

// Usage is what an answer took, in tokens.
type Usage struct{ Prompt, Completion int }

// Chat puts a prompt to a model and hands over its answer piece by piece, until fn returns an error, which Chat returns.
// No time is limited but by ctx, whose cause is returned when it ends. The answer is whole only if a chunk with a finish
// reason was among them.
func (c *Client) Chat(ctx context.Context, model, system, prompt string, fn func(Chunk) error) error {
	params := sdk.ChatCompletionNewParams{
		Model: model, StreamOptions: sdk.ChatCompletionStreamOptionsParam{IncludeUsage: sdk.Bool(true)},
	}
	if system != "" {
		params.Messages = append(params.Messages, sdk.SystemMessage(system))
	}
	params.Messages = append(params.Messages, sdk.UserMessage(prompt))
	var raw *http.Response
	stream := c.chat.NewStreaming(ctx, params, option.WithResponseInto(&raw))
	defer stream.Close() //nolint:errcheck // whatever it thinks of that, we are done with it
	for stream.Next() {
		if err := fn(chunkOf(stream.Current())); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := stream.Err(); err != nil {
		return c.classify(err, raw)
	}
	return nil
}

func chunkOf(in sdk.ChatCompletionChunk) Chunk {
	var out Chunk
	for _, choice := range in.Choices {
		if choice.Index != 0 {
			continue
		}
		out.Text += choice.Delta.Content + choice.Delta.Refusal
		out.FinishReason = choice.FinishReason
		// No part of OpenAI's own, but of many services that speak its language.
		if thought, ok := choice.Delta.JSON.ExtraFields["reasoning_content"]; ok && len(thought.Raw()) > len(`""`) {
			out.Thinking = thought.Raw() != "null"
		}
	}
	if in.JSON.Usage.Valid() {
		out.Usage = &Usage{Prompt: int(in.Usage.PromptTokens), Completion: int(in.Usage.CompletionTokens)}
	}
	return out
}
