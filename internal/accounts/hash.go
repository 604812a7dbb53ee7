package accounts

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// hashParams are OWASP's for argon2id. Stronger ones may be set here at any time: stored hashes follow at the next login.
var hashParams = argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Hashing replaces the strength of the hashes. It is for tests that log people in: at the usual strength the race detector
// takes most of a second for each.
func Hashing(params argon2id.Params) Option { return func(s *Service) { s.params = params } }

// hasher hashes passwords and checks them, a bounded number at a time.
type hasher struct {
	params argon2id.Params
	seats  chan struct{} // one for each that runs or waits
	slots  chan struct{} // one for each that runs
	// decoy is the hash of a password that nobody knows, for the same work where there is no account.
	decoy string

	create func(password string, params *argon2id.Params) (string, error)
	check  func(password, hash string) (bool, *argon2id.Params, error)
}

func newHasher(params argon2id.Params, parallel, waiting int) (*hasher, error) {
	decoy, err := argon2id.CreateHash(rand.Text(), &params)
	if err != nil {
		return nil, fmt.Errorf("hash a decoy: %w", err)
	}
	return &hasher{
		params: params, decoy: decoy,
		seats: make(chan struct{}, parallel+waiting), slots: make(chan struct{}, parallel),
		create: argon2id.CreateHash, check: argon2id.CheckHash,
	}, nil
}

// enter waits for a slot; the caller leaves it when done. Who waits is served in order.
func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.seats <- struct{}{}:
	default:
		return ErrBusy
	}
	err := ctx.Err() // a select with both ready would pick at random
	if err == nil {
		select {
		case h.slots <- struct{}{}:
			return nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	<-h.seats
	return fmt.Errorf("wait to hash a password: %w", err)
}

func (h *hasher) leave() { <-h.slots; <-h.seats }

// hash returns the hash to store for password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	hash, err := h.create(password, &h.params)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return hash, nil
}

// verify tells whether password is that of the stored hash. An empty one stands for an account that doesn't exist: it
// takes the same work and never matches. A stored hash weaker than today's parameters is also returned renewed.
func (h *hasher) verify(ctx context.Context, password, stored string) (match bool, renewed string, err error) {
	if err := h.enter(ctx); err != nil {
		return false, "", err
	}
	defer h.leave()
	against := stored
	if stored == "" {
		against = h.decoy
	}
	match, params, err := h.check(password, against)
	if err != nil {
		return false, "", fmt.Errorf("check a password: %w", err)
	}
	if !match || stored == "" {
		return false, "", nil
	}
	if h.weaker(params) {
		if renewed, err = h.create(password, &h.params); err != nil {
			return false, "", fmt.Errorf("renew a password hash: %w", err)
		}
	}
	return true, renewed, nil
}

// weaker says whether a hash that was made with params is below today's in any respect. Parallelism is none: it makes a
// hash neither stronger nor weaker.
func (h *hasher) weaker(params *argon2id.Params) bool {
	return params.Memory < h.params.Memory || params.Iterations < h.params.Iterations ||
		params.SaltLength < h.params.SaltLength || params.KeyLength < h.params.KeyLength
}
