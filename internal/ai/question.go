package ai

import (
	"strings"
	"unicode/utf8"

	"github.com/ollama/ollama/types/model"

	"rohrpost/internal/fault"
)

// maxModelName is the longest name of a model, in bytes: host, namespace, model and tag with room to spare.
const maxModelName = 200

// Question is what somebody asks a model.
type Question struct {
	Prompt string
	Model  string // empty takes the configured default
	System string // instructions to the model; may be empty
}

// checked returns the question with its model filled in, or why it can't be asked of an Ollama server.
func (q Question) checked(cfg Config) (Question, error) {
	q, err := q.sensible(cfg)
	if err == nil {
		err = q.forOllama()
	}
	return q, err
}

func (q Question) forOllama() error {
	if !model.ParseName(q.Model).IsValid() {
		return fault.New(fault.Invalid, "The name of the model is malformed.")
	}
	return nil
}

// sensible is checked but for the form of the model's name.
func (q Question) sensible(cfg Config) (Question, error) {
	if err := checkText("prompt", q.Prompt, cfg.MaxPromptBytes); err != nil {
		return q, err
	}
	if strings.TrimSpace(q.Prompt) == "" {
		return q, fault.New(fault.Invalid, "The prompt is empty.")
	}
	if err := checkText("system text", q.System, cfg.MaxPromptBytes); err != nil {
		return q, err
	}
	if q.Model == "" {
		q.Model = cfg.DefaultModel
	}
	switch {
	case q.Model == "":
		return q, fault.New(fault.Invalid, "The question names no model, and there is no default one.")
	case checkText("name", q.Model, maxModelName) != nil:
		return q, fault.New(fault.Invalid, "The name of the model is malformed.")
	}
	return q, nil
}

func checkText(what, text string, most int) error {
	switch {
	case len(text) > most:
		return fault.New(fault.Invalid, "The %s has %d bytes, %d are allowed.", what, len(text), most)
	case !utf8.ValidString(text):
		return fault.New(fault.Invalid, "The %s is not valid UTF-8.", what)
	case strings.ContainsRune(text, 0):
		return fault.New(fault.Invalid, "The %s holds a NUL character.", what) // PostgreSQL stores none
	}
	return nil
}

// modelKey is the same for all spellings of a model's name: "Llama3" and "llama3:latest" share one bound.
func modelKey(name string) string { return strings.ToLower(model.ParseName(name).String()) }
