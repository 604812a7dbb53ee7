package mail

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"rohrpost/db"
)

// mint makes a token of a link and remembers its hash.
func (s *Service) mint(ctx context.Context, purpose string, user *db.User, life time.Duration) (string, error) {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails: the process ends where there is no randomness
	token := base64.RawURLEncoding.EncodeToString(bits[:])
	if err := s.queries.InsertMailToken(ctx, s.pool, db.InsertMailTokenParams{
		TokenHash: TokenHash(token), Purpose: purpose, UserID: user.ID, Email: user.Email, Seconds: life.Seconds(),
	}); err != nil {
		return "", fmt.Errorf("store a token: %w", err)
	}
	return token, nil
}

// TokenHash is how the token of a link is stored. Guessing 256 bits needs no slow hash to be hopeless.
func TokenHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
