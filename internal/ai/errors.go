package ai

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/ollama/ollama/api"

	"rohrpost/internal/fault"
)

var (
	// ModelNotFound is the code of a question to a model that the server doesn't have. It is no 404: the question is
	// there, and what it names is wrong.
	ModelNotFound = fault.Register("model_not_found", fault.Class{Status: 422, Title: "Model not found"})
	// NotConfigured is the code of a question to an installation that has no model server.
	NotConfigured = fault.Register("ai_not_configured", fault.Class{Status: 503, Title: "No model server"})
)

// errSilent is why a generation was ended whose server said nothing for too long.
var errSilent = errors.New("the model server went silent")

// errStopped tells the breaker of a question that was stopped before the model said anything.
var errStopped = fault.New(fault.Cancelled, "The question was stopped.")

// errLeft ends a generation from our side, right after a chunk.
var errLeft = errors.New("left")

func notConfigured() error {
	return fault.New(NotConfigured, "No model server is configured: set OLLAMA_HOST to the address of an Ollama server.")
}

// classify gives an error of the model server or of the way there its code and a sentence. model is as asked for.
func classify(err error, model string) error {
	var status api.StatusError
	var login api.AuthorizationError
	switch {
	case errors.Is(err, errSilent):
		return fault.Wrap(err, fault.Timeout, "The model %s did not answer in time.", model)
	case errors.As(err, &status):
		return classifyStatus(err, status, model)
	case errors.As(err, &login):
		return fault.Wrap(err, fault.Unavailable, "The model server wants a login for the model %s.", model)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "The model server can't be reached, or broke off its answer.")
}

func classifyStatus(err error, status api.StatusError, model string) error {
	said := strings.TrimSpace(status.ErrorMessage)
	switch {
	case status.StatusCode == http.StatusNotFound:
		return fault.Wrap(err, ModelNotFound, "The model server has no model %s.", model)
	case status.StatusCode == http.StatusTooManyRequests, status.StatusCode >= 500:
		// Also a model that doesn't fit into memory now: it may, once another one is unloaded.
		return fault.Wrap(err, fault.Unavailable, "The model server can't answer at the moment.")
	case strings.Contains(said, "context length") || strings.Contains(said, "too long"):
		return fault.Wrap(err, fault.Invalid, "The question is longer than the context of the model %s.", model)
	}
	return fault.Wrap(err, fault.Invalid, "The model server refused the question: %s.", strings.TrimSuffix(said, "."))
}
