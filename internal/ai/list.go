package ai

import (
	"context"
	"sync"
	"time"

	"rohrpost/internal/fault"
)

// Where models are.
const (
	Ollama = "ollama"
	Tuned  = "openai" // at the service where they were tuned
)

// listedFor is how long the Ollama server's list is believed. People look at it more often than it changes.
const listedFor = 5 * time.Second

// Model is one that the Ollama server has.
type Model struct {
	Name       string
	Size       int64 // bytes
	ModifiedAt time.Time
}

// listing is what the Ollama server said last.
type listing struct {
	mu     sync.Mutex // guards the rest; held while the server is asked, so that it is asked once for all who wait
	models []Model
	at     time.Time // when it was asked
}

// Models are the models of the Ollama server, as it told within the last seconds and after a time. Errors:
// [NotConfigured], unavailable.
func (s *Service) Models(ctx context.Context, after time.Time) ([]Model, error) {
	if s.models == nil {
		return nil, notConfigured()
	}
	s.list.mu.Lock()
	defer s.list.mu.Unlock()
	now := time.Now()
	if now.Sub(s.list.at) < listedFor && s.list.at.After(after) {
		s.metrics.listed.WithLabelValues("cache").Inc()
		return s.list.models, nil
	}
	s.metrics.listed.WithLabelValues("server").Inc()
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	list, err := s.client.List(ctx)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The model server can't be reached.")
	}
	models := make([]Model, len(list.Models))
	for i, m := range list.Models {
		models[i] = Model{Name: m.Name, Size: m.Size, ModifiedAt: m.ModifiedAt}
	}
	s.list.models, s.list.at = models, now
	return models, nil
}

// relist has the Ollama server asked again.
func (s *Service) relist() {
	s.list.mu.Lock()
	defer s.list.mu.Unlock()
	s.list.at = time.Time{}
}

// Asks tells whether questions to tuned models can be put to the service where they are.
func (s *Service) Asks() bool { return s.remote != nil }

// Default is the model that answers where a question names none; it may be empty.
func (s *Service) Default() string { return s.cfg.DefaultModel }
