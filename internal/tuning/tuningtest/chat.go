package tuningtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Speech is how the models answer.
type Speech struct {
	Pieces []string
	Hold   <-chan struct{} // where there is one, what follows the first piece waits for it to be closed
	Reason string          // of the end; stop if empty
	Cut    bool            // the connection ends without it
	Error  string          // an error in the middle of the stream, in place of the end
	Silent bool            // no usage
}

// ChatRequest is a question that came.
type ChatRequest struct {
	Model         string    `json:"model"`
	Messages      []Message `json:"messages"`
	Stream        bool      `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// Message is one of a question.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Speak sets how models answer from now on.
func (s *Server) Speak(speech Speech) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.speech = speech
}

// Know makes a model known that was tuned before.
func (s *Server) Know(model string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.models[model] = true
}

// Asked are the questions that came.
func (s *Server) Asked() []ChatRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]ChatRequest(nil), s.asked...)
}

func (s *Server) chat(w http.ResponseWriter, r *http.Request) *APIError {
	var body ChatRequest
	if err := strict(r.Body, &body); err != nil {
		return err
	}
	if !body.Stream || !body.StreamOptions.IncludeUsage || len(body.Messages) == 0 {
		return refuse("no stream with usage, or no messages")
	}
	for i, m := range body.Messages {
		if m.Role != "user" && (m.Role != "system" || i > 0) || m.Content == "" {
			return refuse("message %d is of %q", i, m.Role)
		}
	}
	s.mu.Lock()
	known, speech := s.models[body.Model], s.speech
	s.asked = append(s.asked, body)
	s.mu.Unlock()
	if !known {
		err := missing("model")
		err.Code = "model_not_found"
		return err
	}
	w.Header().Set("Content-Type", "text/event-stream")
	say := func(v any) {
		raw, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		_, _ = fmt.Fprintf(w, "data: %s\n\n", raw)
		w.(http.Flusher).Flush()
	}
	chunk := func(delta map[string]any, reason any) map[string]any {
		return map[string]any{
			"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body.Model, "usage": nil,
			"choices": []any{map[string]any{"index": 0, "delta": delta, "logprobs": nil, "finish_reason": reason}},
		}
	}
	say(chunk(map[string]any{"role": "assistant", "content": ""}, nil))
	for i, piece := range speech.Pieces {
		say(chunk(map[string]any{"content": piece}, nil))
		if i == 0 && speech.Hold != nil {
			select {
			case <-speech.Hold:
			case <-r.Context().Done():
				return nil
			}
		}
	}
	switch {
	case speech.Cut:
		panic(http.ErrAbortHandler)
	case speech.Error != "":
		say(map[string]any{"error": map[string]any{"message": speech.Error, "type": "server_error"}})
		return nil
	}
	reason := speech.Reason
	if reason == "" {
		reason = "stop"
	}
	say(chunk(map[string]any{}, reason))
	if !speech.Silent {
		say(map[string]any{
			"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body.Model, "choices": []any{},
			"usage": map[string]any{
				"prompt_tokens": 11, "completion_tokens": len(speech.Pieces), "total_tokens": 11 + len(speech.Pieces),
			},
		})
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
	return nil
}

// strict decodes a JSON body without unknown fields.
func strict(body io.Reader, v any) *APIError {
	raw, err := io.ReadAll(body)
	if err != nil {
		return &APIError{Status: http.StatusBadRequest, Message: "cut off: " + err.Error(), fair: true}
	}
	return strictRaw(raw, v)
}

func strictRaw(raw []byte, v any) *APIError {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return refuse("%v", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return refuse("more than one JSON value")
	}
	return nil
}
