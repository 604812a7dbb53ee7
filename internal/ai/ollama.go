package ai

import (
	"context"

	"github.com/ollama/ollama/api"
)

// server is where models run.
type server interface {
	// chat puts q to its model and hands over the answer as it comes, until fn returns an error. The answer is whole only
	// if a final chunk was among it: a nil error without one means that the server broke off.
	chat(ctx context.Context, q Question, fn func(chunk) error) error
	// classify gives an error of chat its code and a sentence.
	classify(err error, model string) error
	// key is the same for all spellings of a model's name.
	key(model string) string
}

// chunk is a piece of an answer.
type chunk struct {
	text     string
	thinking bool   // the model thinks before it speaks
	final    string // why the answer ended, if it did
	usage    *usage // with the final one, if the server counts
}

// usage is what an answer took, in tokens.
type usage struct{ prompt, completion int }

// ollama is an Ollama server.
type ollama struct {
	client    *api.Client
	maxTokens int
}

func (o ollama) chat(ctx context.Context, q Question, fn func(chunk) error) error {
	var repeats repeats
	final := false
	err := o.client.Chat(ctx, o.request(q), func(r api.ChatResponse) error {
		repeats.see(r.Message.Thinking + r.Message.Content)
		out := chunk{text: r.Message.Content, thinking: r.Message.Thinking != ""}
		if r.Done {
			final = true
			out.final, out.usage = Stop, &usage{prompt: r.PromptEvalCount, completion: r.EvalCount}
			if r.DoneReason == Length {
				out.final = Length
			}
		}
		return fn(out)
	})
	if err == nil && !final && repeats.ended() {
		return fn(chunk{final: Repetition})
	}
	return err
}

func (o ollama) request(q Question) *api.ChatRequest {
	messages := make([]api.Message, 0, 2)
	if q.System != "" {
		messages = append(messages, api.Message{Role: "system", Content: q.System})
	}
	truncate := false // a question that doesn't fit is refused by the server, rather than cut in the middle
	return &api.ChatRequest{
		Model:    q.Model,
		Messages: append(messages, api.Message{Role: "user", Content: q.Prompt}),
		Truncate: &truncate,
		Options:  map[string]any{"num_predict": o.maxTokens},
	}
}

func (ollama) classify(err error, model string) error { return classify(err, model) }
func (ollama) key(model string) string                { return modelKey(model) }
