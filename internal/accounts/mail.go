package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
)

// Mailer writes mails down in a transaction, as a [mail.Service] does.
type Mailer interface {
	Send(ctx context.Context, tx pgx.Tx, m mail.Mail) (queue.Record, error)
}

// Through sends the mails of accounts by mailer. Without it, addresses are not verified, and nobody can have a new
// password by mail.
func Through(mailer Mailer) Option { return func(s *Service) { s.mailer = mailer } }

// welcome asks a new user to confirm the address.
func (s *Service) welcome(ctx context.Context, tx pgx.Tx, user db.User) error {
	if s.mailer == nil {
		return nil
	}
	_, err := s.mailer.Send(ctx, tx, mail.Mail{Template: mail.VerifyAddress, To: user.Email, User: user.ID})
	if errors.Is(err, mail.ErrTooSoon) {
		return nil // an earlier account with this address has been deleted just now; the user may ask later
	}
	return err
}

// RequestVerification mails the user a link that confirms the address. Errors: code not_found, [ErrVerified],
// [mail.ErrTooSoon], [ErrNoMail].
func (s *Service) RequestVerification(ctx context.Context, userID uuid.UUID) error {
	if s.mailer == nil {
		return ErrNoMail
	}
	user, err := s.User(ctx, userID)
	if err != nil {
		return err
	}
	if user.VerifiedAt != nil {
		return ErrVerified
	}
	return s.send(ctx, mail.Mail{Template: mail.VerifyAddress, To: user.Email, User: user.ID})
}

// VerifyAddress confirms the address that the token was mailed to. Errors: [ErrLink].
func (s *Service) VerifyAddress(ctx context.Context, token string) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var user db.User
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		id, err := s.use(ctx, tx, mail.VerifyAddress, token)
		if err != nil {
			return err
		}
		if user, err = s.queries.SetUserVerified(ctx, tx, id); err != nil {
			return fmt.Errorf("verify the address of %s: %w", id, err)
		}
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return shown(user), nil
}

// RequestPasswordReset mails a link that lets its reader choose a new password, if there is an account with this
// address. The answer doesn't tell, nor does the time it takes. Errors: [ErrNoMail], code invalid for what is no address.
func (s *Service) RequestPasswordReset(ctx context.Context, email string) error {
	if s.mailer == nil {
		return ErrNoMail
	}
	email, err := cleanEmail(email)
	if err != nil {
		return err
	}
	err = s.send(ctx, mail.Mail{Template: mail.PasswordReset, To: email})
	if errors.Is(err, mail.ErrTooSoon) {
		return nil // it is on its way
	}
	return err
}

// ResetPassword gives the account that the token was mailed to a new password. All its sessions end, and its other links
// are void; as the mail was read, the address counts as verified. Errors: [ErrLink], [ErrBusy], and code invalid for a
// password that can't be one, after which the token is still good.
func (s *Service) ResetPassword(ctx context.Context, token, password string) (User, error) {
	owner, err := s.tokenOwner(ctx, token)
	if err != nil {
		return User{}, err
	}
	if password, err = cleanPassword(password, owner.Email); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var user db.User
	err = db.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		user, err = s.reset(ctx, tx, token, hash)
		return err
	})
	if err != nil {
		return User{}, err
	}
	return shown(user), nil
}

// reset uses up the token and changes all that goes with a new password.
func (s *Service) reset(ctx context.Context, tx pgx.Tx, token, hash string) (db.User, error) {
	id, err := s.use(ctx, tx, mail.PasswordReset, token)
	if err != nil {
		return db.User{}, err
	}
	// First the password, which waits for logins that are just opening a session, then the sessions.
	if err := s.queries.SetUserPassword(ctx, tx, db.SetUserPasswordParams{ID: id, PasswordHash: hash}); err != nil {
		return db.User{}, fmt.Errorf("set the password of %s: %w", id, err)
	}
	if err := s.queries.RevokeSessionsOfUser(ctx, tx, id); err != nil {
		return db.User{}, fmt.Errorf("revoke the sessions of %s: %w", id, err)
	}
	if err := s.queries.VoidMailTokens(ctx, tx,
		db.VoidMailTokensParams{UserID: id, Purpose: mail.PasswordReset}); err != nil {
		return db.User{}, fmt.Errorf("void the links of %s: %w", id, err)
	}
	user, err := s.queries.SetUserVerified(ctx, tx, id)
	if err != nil {
		return db.User{}, fmt.Errorf("verify the address of %s: %w", id, err)
	}
	if s.mailer != nil {
		if _, err := s.mailer.Send(ctx, tx,
			mail.Mail{Template: mail.PasswordChanged, To: user.Email, User: user.ID}); err != nil {
			return db.User{}, err
		}
	}
	return user, nil
}

// tokenOwner looks at a token without using it, so that a guess costs no hash and a bad password no token.
func (s *Service) tokenOwner(ctx context.Context, token string) (db.LiveMailTokenRow, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	owner, err := s.queries.LiveMailToken(ctx, s.pool,
		db.LiveMailTokenParams{TokenHash: mail.TokenHash(token), Purpose: mail.PasswordReset})
	if errors.Is(err, pgx.ErrNoRows) {
		return owner, ErrLink
	}
	if err != nil {
		return owner, fmt.Errorf("look up the token of a link: %w", err)
	}
	return owner, nil
}

func (s *Service) use(ctx context.Context, tx pgx.Tx, purpose, token string) (uuid.UUID, error) {
	id, err := s.queries.UseMailToken(ctx, tx, db.UseMailTokenParams{TokenHash: mail.TokenHash(token), Purpose: purpose})
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, ErrLink
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("use the token of a link: %w", err)
	}
	return id, nil
}

func (s *Service) send(ctx context.Context, m mail.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := s.mailer.Send(ctx, tx, m)
		return err
	})
	if err != nil && fault.CodeOf(err) == fault.Internal {
		return fmt.Errorf("ask for mail %s: %w", m.Template, err)
	}
	return err
}
