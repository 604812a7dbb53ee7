package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
)

// loginTries is two, as a password hash may be renewed by another login of the same user while it is checked.
const loginTries = 2

// Tokens are what a client holds of its session.
type Tokens struct {
	AccessToken  string        // sent with each request, see [Service.Authenticate]
	RefreshToken string        // good for one [Service.Refresh]
	ExpiresIn    time.Duration // of the access token
}

// Login opens a session. Errors: [ErrBusy], and [ErrCredentials] after the same work whether there is such an account or
// not.
func (s *Service) Login(ctx context.Context, email, password string) (Tokens, error) {
	password = samePassword(password)
	for range loginTries {
		user, err := s.claimed(ctx, email)
		if err != nil {
			return Tokens{}, err
		}
		match, renewed, err := s.hasher.verify(ctx, password, user.PasswordHash)
		if err != nil {
			return Tokens{}, err
		}
		if !match {
			return Tokens{}, ErrCredentials
		}
		tokens, err := s.open(ctx, user, renewed)
		if !errors.Is(err, errPasswordChanged) {
			return tokens, err
		}
	}
	return Tokens{}, ErrCredentials
}

// claimed is the account that email stands for, or one without a password hash where there is none.
func (s *Service) claimed(ctx context.Context, email string) (db.User, error) {
	email, err := cleanEmail(email)
	if err != nil {
		return db.User{}, nil // a malformed address has no account, and says no more than that
	}
	user, err := s.byEmail(ctx, email)
	if errors.Is(err, pgx.ErrNoRows) {
		return db.User{}, nil
	}
	return user, err
}

var errPasswordChanged = errors.New("the password changed while it was checked")

// open starts a session of user, whose password was checked against user.PasswordHash just now, and stores the renewed
// hash, if any. A password that has changed since is errPasswordChanged.
func (s *Service) open(ctx context.Context, user db.User, renewed string) (Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	session, err := uuid.NewV7()
	if err != nil {
		return Tokens{}, fmt.Errorf("session id: %w", err)
	}
	var tokens Tokens
	err = db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		checked := user.PasswordHash
		if renewed != "" {
			n, err := s.queries.RenewPasswordHash(ctx, tx,
				db.RenewPasswordHashParams{ID: user.ID, Checked: checked, Renewed: renewed})
			if err != nil {
				return fmt.Errorf("store a renewed hash: %w", err)
			}
			if n == 0 {
				return errPasswordChanged
			}
			checked = renewed
		}
		n, err := s.queries.OpenSession(ctx, tx, db.OpenSessionParams{
			ID: session, UserID: user.ID, Checked: checked, ExpiresAt: s.now().Add(s.cfg.RefreshTTL)})
		if err != nil {
			return fmt.Errorf("store the session: %w", err)
		}
		if n == 0 {
			return errPasswordChanged
		}
		tokens, err = s.issue(ctx, tx, user.ID, session, user.Role)
		return err
	})
	if err != nil {
		return Tokens{}, fmt.Errorf("open a session of %s: %w", user.ID, err)
	}
	return tokens, nil
}
