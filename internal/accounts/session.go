package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
)

// Identity is who a request is from.
type Identity struct {
	UserID    uuid.UUID
	SessionID uuid.UUID
	Role      string // RoleUser or RoleAdmin, as of now
}

// IsAdmin reports whether the request is an admin's.
func (i Identity) IsAdmin() bool { return i.Role == RoleAdmin }

// Authenticate tells whose access token this is, by one query at most: who asks at the same time shares it. Errors: code
// unauthorized for a token that is forged or expired, or whose session has ended; anything else means that it couldn't be
// found out.
func (s *Service) Authenticate(ctx context.Context, accessToken string) (Identity, error) {
	user, session, err := s.access.read(accessToken)
	if err != nil {
		return Identity{}, unauthorized(err)
	}
	live, err := s.live(ctx, session)
	if err != nil {
		return Identity{}, err
	}
	if live == nil || live.UserID != user {
		return Identity{}, unauthorized(fmt.Errorf("session %s of user %s is not live", session, user))
	}
	return Identity{UserID: user, SessionID: session, Role: live.Role}, nil
}

// Refresh exchanges a refresh token for new tokens and extends the session. The token is used up by it; using it again
// revokes the session. Errors: code unauthorized.
func (s *Service) Refresh(ctx context.Context, refreshToken string) (Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	hash := refreshHash(refreshToken)
	var tokens Tokens
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		// Of several calls at once, one gets the row; the others wait here for its end and then get none.
		session, err := s.queries.UseRefreshToken(ctx, tx, hash)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNotUsable
		}
		if err != nil {
			return fmt.Errorf("use a refresh token: %w", err)
		}
		live, err := s.queries.ExtendSession(ctx, tx,
			db.ExtendSessionParams{ID: session, ExpiresAt: s.now().Add(s.cfg.RefreshTTL)})
		if errors.Is(err, pgx.ErrNoRows) {
			return unauthorized(fmt.Errorf("session %s is not live", session))
		}
		if err != nil {
			return fmt.Errorf("extend session %s: %w", session, err)
		}
		tokens, err = s.issue(ctx, tx, live.UserID, session, live.Role)
		return err
	})
	if errors.Is(err, errNotUsable) {
		return Tokens{}, s.refuse(ctx, hash)
	}
	if err != nil {
		return Tokens{}, err
	}
	return tokens, nil
}

var errNotUsable = errors.New("the refresh token is unknown or was used before")

// refuse answers to a refresh token that isn't good. Was it once, then two have it, and one of them must not: their
// session ends for both, also when whoever showed the token has hung up already.
func (s *Service) refuse(ctx context.Context, hash []byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), queryTimeout)
	defer cancel()
	session, err := s.queries.RevokeSessionOfUsedToken(ctx, s.pool, hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return unauthorized(errNotUsable)
	}
	if err != nil {
		return fmt.Errorf("revoke the session of a token used twice: %w", err)
	}
	return unauthorized(fmt.Errorf("a refresh token of session %s was used twice; the session is revoked", session))
}

// Logout ends a session: its access and refresh tokens are worth nothing from now on. One that has ended stays so.
func (s *Service) Logout(ctx context.Context, sessionID uuid.UUID) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := s.queries.RevokeSession(ctx, s.pool, sessionID); err != nil {
		return fmt.Errorf("revoke session %s: %w", sessionID, err)
	}
	return nil
}

// issue makes a session's next tokens.
func (s *Service) issue(ctx context.Context, tx pgx.Tx, user, session uuid.UUID, role string) (Tokens, error) {
	access, err := s.access.sign(user, session, role)
	if err != nil {
		return Tokens{}, err
	}
	refresh := newRefreshToken()
	if err := s.queries.InsertRefreshToken(ctx, tx,
		db.InsertRefreshTokenParams{TokenHash: refreshHash(refresh), SessionID: session}); err != nil {
		return Tokens{}, fmt.Errorf("store a refresh token: %w", err)
	}
	return Tokens{AccessToken: access, RefreshToken: refresh, ExpiresIn: s.access.ttl}, nil
}
