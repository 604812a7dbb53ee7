package accounts

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

const (
	issuer = "rohrpost"
	// audience keeps whatever else may be signed with the secret one day from passing as an access token.
	audience = "rohrpost-api"
)

// claims is what an access token says.
type claims struct {
	jwt.RegisteredClaims
	Session uuid.UUID `json:"sid"`
	Role    string    `json:"role"`
}

// accessTokens signs and reads access tokens.
type accessTokens struct {
	secret []byte
	ttl    time.Duration
	now    func() time.Time
	parser *jwt.Parser
}

func newAccessTokens(secret string, ttl time.Duration, now func() time.Time) accessTokens {
	return accessTokens{secret: []byte(secret), ttl: ttl, now: now, parser: jwt.NewParser(
		// Only ours: a token may not choose how it is checked.
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(),
		jwt.WithStrictDecoding(), jwt.WithTimeFunc(now),
	)}
}

func (a accessTokens) sign(user, session uuid.UUID, role string) (string, error) {
	now := a.now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Audience: jwt.ClaimStrings{audience}, Subject: user.String(),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(a.ttl)),
		},
		Session: session, Role: role,
	}).SignedString(a.secret)
	if err != nil {
		return "", fmt.Errorf("sign an access token: %w", err)
	}
	return token, nil
}

// read returns what a token says whose signature, issuer, audience and time are right.
func (a accessTokens) read(token string) (user, session uuid.UUID, err error) {
	var c claims
	if _, err := a.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.secret, nil }); err != nil {
		return uuid.Nil, uuid.Nil, fmt.Errorf("read an access token: %w", err)
	}
	if user, err = uuid.Parse(c.Subject); err != nil {
		return uuid.Nil, uuid.Nil, fmt.Errorf("subject of an access token: %w", err)
	}
	return user, c.Session, nil
}

// newRefreshToken returns 256 random bits as text.
func newRefreshToken() string {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails: the process ends where there is no randomness
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// refreshHash is how a refresh token is stored. Guessing 256 bits needs no slow hash to be hopeless.
func refreshHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
