package ai

import (
	"sync"

	"github.com/sony/gobreaker/v2"

	"rohrpost/internal/fault"
)

// breakers keep one breaker per model, since a wedged model leaves the others of its server unharmed; a server that is
// down opens them one after the other.
type breakers struct {
	cfg Config
	key func(model string) string

	mu     sync.Mutex
	models map[string]*breaker // guarded by mu, by model key; only models that the server has, or may have
}

type breaker = gobreaker.TwoStepCircuitBreaker[struct{}]

func newBreakers(cfg Config, key func(model string) string) *breakers {
	return &breakers{cfg: cfg, key: key, models: map[string]*breaker{}}
}

// allow asks whether a question may be put to the model. The verdict of the question is reported once: nil as soon as
// the model says anything, for a long answer must not keep others waiting to hear that it is well.
func (b *breakers) allow(model string) (report func(error), err error) {
	done, err := b.of(model).Allow()
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The model %s failed repeatedly and rests for a moment.", model)
	}
	return func(err error) {
		done(err)
		if fault.CodeOf(err) == ModelNotFound {
			b.forget(model)
		}
	}, nil
}

func (b *breakers) of(model string) *breaker {
	key := b.key(model)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.models[key] == nil {
		b.models[key] = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
			Name:         key,
			Timeout:      b.cfg.Rest,
			ReadyToTrip:  func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= uint32(b.cfg.Failures) },
			IsSuccessful: func(err error) bool { return !harms(err) },
			// A stop says nothing about the model; in the half-open state it must not count as its recovery either.
			IsExcluded: func(err error) bool { return fault.CodeOf(err) == fault.Cancelled },
		})
	}
	return b.models[key]
}

// forget keeps names that people make up from piling up.
func (b *breakers) forget(model string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.models, b.key(model))
}

// harms tells whether an error speaks against the server rather than against the question.
func harms(err error) bool {
	code := fault.CodeOf(err)
	return code == fault.Unavailable || code == fault.Timeout
}
