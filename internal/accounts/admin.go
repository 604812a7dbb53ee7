package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
)

// adminName is what an admin is called who was made without being asked.
const adminName = "Admin"

// EnsureAdmin sees to it that email is an admin's: it makes the account, or promotes the one that is there, even where
// registration is closed. A password, if given, becomes the account's; where that is a change, its sessions are revoked.
// Without one the account keeps its own, and whoever has registered it is an admin now; is there none, the answer is
// [ErrPasswordNeeded]. created reports whether the account was made; what is changed is in the audit log as by's. Other
// errors: [ErrBusy], code invalid.
func (s *Service) EnsureAdmin(ctx context.Context, email, password string, by audit.Actor) (created bool, err error) {
	if email, err = cleanEmail(email); err != nil {
		return false, err
	}
	if password != "" {
		if password, err = cleanPassword(password, email); err != nil {
			return false, err
		}
	}
	user, err := s.byEmail(ctx, email)
	if errors.Is(err, pgx.ErrNoRows) {
		created, err = s.makeAdmin(ctx, email, password, by)
		if created || err != nil {
			return created, err
		}
		user, err = s.byEmail(ctx, email) // somebody else made it meanwhile
	}
	if err != nil {
		return false, err
	}
	hash, err := s.changed(ctx, user, password)
	if err != nil {
		return false, err
	}
	return false, s.promote(ctx, user, hash, by)
}

func (s *Service) makeAdmin(ctx context.Context, email, password string, by audit.Actor) (created bool, err error) {
	if password == "" {
		return false, ErrPasswordNeeded
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return false, err
	}
	_, err = s.insert(ctx, db.InsertUserParams{Email: email, Name: adminName, PasswordHash: hash, Role: RoleAdmin},
		func(ctx context.Context, tx pgx.Tx, user db.User) error {
			return audit.Record(ctx, tx, by, audit.Entry{Action: "user.create", Target: user.ID.String(), Detail: named(user)})
		})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// changed is the hash of a password that is not the user's already, and otherwise empty: each start of a development
// server names the admin's password again, and must not end the admin's sessions by it.
func (s *Service) changed(ctx context.Context, user db.User, password string) (hash string, err error) {
	if password == "" {
		return "", nil
	}
	match, _, err := s.hasher.verify(ctx, password, user.PasswordHash)
	if match || err != nil {
		return "", err
	}
	return s.hasher.hash(ctx, password)
}

func (s *Service) promote(ctx context.Context, user db.User, hash string, by audit.Actor) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err := db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		now, err := s.queries.LockUser(ctx, tx, user.ID)
		if err != nil {
			return noUser(err)
		}
		if now.Role != RoleAdmin {
			if err := s.queries.SetUserRole(ctx, tx, db.SetUserRoleParams{ID: user.ID, Role: RoleAdmin}); err != nil {
				return fmt.Errorf("set role: %w", err)
			}
			if err := audit.Record(ctx, tx, by,
				audit.Entry{Action: "user.promote", Target: user.ID.String(), Detail: named(user)}); err != nil {
				return err
			}
		}
		if hash == "" {
			return nil
		}
		// First the password, which waits for logins that are just opening a session, then the sessions.
		if err := s.queries.SetUserPassword(ctx, tx, db.SetUserPasswordParams{ID: user.ID, PasswordHash: hash}); err != nil {
			return fmt.Errorf("set password: %w", err)
		}
		if err := s.queries.RevokeSessionsOfUser(ctx, tx, user.ID); err != nil {
			return fmt.Errorf("revoke sessions: %w", err)
		}
		return audit.Record(ctx, tx, by,
			audit.Entry{Action: "user.set_password", Target: user.ID.String(), Detail: named(user)})
	})
	if err != nil {
		return fmt.Errorf("promote %s: %w", user.ID, err)
	}
	return nil
}
