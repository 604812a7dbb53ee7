package ai

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"rohrpost/internal/fault"
)

const (
	// askWithin bounds what the Ollama server answers from its disk.
	askWithin = 10 * time.Second
	// makeSilence is the longest wait between two signs of a model being made: it reads layers of gigabytes for their hash.
	makeSilence = 2 * time.Minute
)

// Recipe is how a model is made of another one.
type Recipe struct {
	Name, Base       string
	System, Template string         // empty takes the base's
	Parameters       map[string]any // in place of the base's
}

// FullName is the name of a model at the Ollama server with its tag.
func FullName(name string) string {
	parsed := model.ParseName(name)
	return parsed.DisplayShortest()
}

// Make has the Ollama server make a model of one that it has. Making one again is fine. tell hears what the server is
// doing; it must not block. The errors' codes: [ModelNotFound] for a base that isn't there, invalid, unavailable,
// timeout.
func (s *Service) Make(ctx context.Context, r Recipe, tell func(phase string)) error {
	// The server would go and look for a base that it doesn't have on the Internet.
	if err := s.HasBase(ctx, r.Base); err != nil {
		return err
	}
	defer s.relist()
	limited, cut := context.WithCancelCause(ctx)
	defer cut(nil)
	silence := time.AfterFunc(makeSilence, func() { cut(errSilent) })
	defer silence.Stop()
	done := false
	err := s.client.Create(limited, &api.CreateRequest{
		Model: r.Name, From: r.Base, System: r.System, Template: r.Template, Parameters: r.Parameters,
	}, func(p api.ProgressResponse) error {
		silence.Reset(makeSilence)
		done = p.Status == "success"
		tell(p.Status)
		return nil
	})
	switch cause := context.Cause(limited); {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case cause != nil:
		return classify(cause, r.Name)
	case err != nil:
		return notMade(err, r.Name)
	case !done: // the client doesn't tell a stream that was cut from one that ended
		return fault.New(fault.Unavailable, "The model server broke off making the model %s.", r.Name)
	}
	return nil
}

// notMade classifies an error of making a model. Most of them come in the middle of the server's answer, without a
// status.
func notMade(err error, name string) error {
	var status api.StatusError
	if errors.As(err, &status) {
		return classify(err, name)
	}
	said := err.Error()
	for _, wrong := range []string{"template", "parameter", "option", "invalid"} {
		if strings.Contains(said, wrong) {
			return fault.Wrap(err, fault.Invalid, "The model server can't make the model %s: %s.", name, strings.TrimSuffix(said, "."))
		}
	}
	return classify(err, name)
}

// Unmake deletes a model from the Ollama server; one that isn't there is fine.
func (s *Service) Unmake(ctx context.Context, name string) error {
	if s.models == nil {
		return notConfigured()
	}
	defer s.relist()
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	err := s.client.Delete(ctx, &api.DeleteRequest{Model: name})
	if err == nil || absent(err) {
		return nil
	}
	return fmt.Errorf("delete the model %s: %w", name, slow(ctx, classify(err, name)))
}

// Has tells whether the Ollama server has a model.
func (s *Service) Has(ctx context.Context, name string) (bool, error) {
	if s.models == nil {
		return false, notConfigured()
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	_, err := s.client.Show(ctx, &api.ShowRequest{Model: name})
	switch {
	case err == nil:
		return true, nil
	case absent(err):
		return false, nil
	}
	return false, fmt.Errorf("look for the model %s: %w", name, slow(ctx, classify(err, name)))
}

// HasBase is an error with the code [ModelNotFound] where the Ollama server does not have the model that another one is to
// be made of.
func (s *Service) HasBase(ctx context.Context, base string) error {
	there, err := s.Has(ctx, base)
	if err == nil && !there {
		err = fault.New(ModelNotFound, "The model server has no model %s to start from.", base)
	}
	return err
}

func absent(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && status.StatusCode == http.StatusNotFound
}

// slow gives a sentence to the end of our own patience.
func slow(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Wrap(err, fault.Timeout, "The model server did not answer in time.")
	}
	return err
}
