package accounts

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
)

// Directory is the accounts for administrators. It needs no secret, as nobody logs in by it. It is safe for concurrent
// use.
type Directory struct {
	pool    *db.Pool
	queries *db.Queries
}

// NewDirectory makes a directory.
func NewDirectory(pool *db.Pool) *Directory { return &Directory{pool: pool, queries: db.New()} }

// Entry is an account in the directory.
type Entry struct {
	User
	Sessions int64 // logins that are good now
}

// Filter picks accounts for [Directory.List]. Zero values pick all.
type Filter struct {
	Role   string    // RoleUser or RoleAdmin
	Before uuid.UUID // older than this account
	Limit  int32
}

// List returns accounts, the newest first. Errors: code invalid for a role that is none.
func (d *Directory) List(ctx context.Context, f Filter) ([]Entry, error) {
	p := db.UsersBeforeParams{Before: f.Before, PageSize: f.Limit}
	switch f.Role {
	case "":
	case RoleUser, RoleAdmin:
		p.Role = &f.Role
	default:
		return nil, fault.New(fault.Invalid, "There is no role %q, but %s and %s.", f.Role, RoleUser, RoleAdmin)
	}
	if f.Before == uuid.Nil {
		p.Before = uuid.Max
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := d.queries.UsersBefore(ctx, d.pool, p)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	entries := make([]Entry, len(rows))
	for i, row := range rows {
		entries[i] = Entry{User: shown(row.User), Sessions: row.Sessions}
	}
	return entries, nil
}

// Find returns the account with this id or address. Errors: code not_found.
func (d *Directory) Find(ctx context.Context, idOrEmail string) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var user db.User
	id, err := uuid.Parse(idOrEmail)
	if err == nil {
		user, err = d.queries.UserByID(ctx, d.pool, id)
	} else if email, bad := cleanEmail(idOrEmail); bad == nil {
		user, err = d.queries.UserByEmail(ctx, d.pool, email)
	} else {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return User{}, noUser(err)
	}
	return shown(user), nil
}

// Promote makes an account an administrator's; one that is so stays so. Errors: code not_found.
func (d *Directory) Promote(ctx context.Context, id uuid.UUID, by audit.Actor) (User, error) {
	return d.setRole(ctx, id, RoleAdmin, "user.promote", by)
}

// Demote makes an account a plain user's, whose logins go on without an administrator's rights; one that is so stays so.
// Errors: code not_found, conflict for the only administrator.
func (d *Directory) Demote(ctx context.Context, id uuid.UUID, by audit.Actor) (User, error) {
	return d.setRole(ctx, id, RoleUser, "user.demote", by)
}

func (d *Directory) setRole(ctx context.Context, id uuid.UUID, role, action string, by audit.Actor) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var user db.User
	err := db.InTx(ctx, d.pool, func(tx pgx.Tx) error {
		// All of them and in order, before the account itself: of two demotions at once, the second sees the first one's.
		admins, err := d.queries.LockAdmins(ctx, tx)
		if err != nil {
			return err
		}
		if user, err = d.queries.LockUser(ctx, tx, id); err != nil {
			return noUser(err)
		}
		if user.Role == role {
			return nil
		}
		if role != RoleAdmin && len(admins) == 1 {
			return fault.New(fault.Conflict, "This is the only administrator.")
		}
		if err := d.queries.SetUserRole(ctx, tx, db.SetUserRoleParams{ID: id, Role: role}); err != nil {
			return err
		}
		user.Role = role
		return audit.Record(ctx, tx, by, audit.Entry{Action: action, Target: id.String(), Detail: named(user)})
	})
	if err != nil {
		return User{}, fmt.Errorf("make account %s %s: %w", id, role, err)
	}
	return shown(user), nil
}

// RevokeSessions ends all logins of an account at once, and returns how many there were. Errors: code not_found.
func (d *Directory) RevokeSessions(ctx context.Context, id uuid.UUID, by audit.Actor) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err = db.InTx(ctx, d.pool, func(tx pgx.Tx) error {
		// The lock has a login that is just opening a session come first, and be ended, or find the account as it is after.
		user, err := d.queries.LockUser(ctx, tx, id)
		if err != nil {
			return noUser(err)
		}
		if n, err = d.queries.RevokeLiveSessionsOfUser(ctx, tx, id); err != nil {
			return err
		}
		detail := map[string]any{"email": user.Email, "sessions": n}
		return audit.Record(ctx, tx, by, audit.Entry{Action: "user.revoke_sessions", Target: id.String(), Detail: detail})
	})
	if err != nil {
		return 0, fmt.Errorf("revoke the sessions of account %s: %w", id, err)
	}
	return n, nil
}

// named is what an entry of the audit log says of an account besides its id, which says nothing once it is gone.
func named(user db.User) any { return map[string]string{"email": user.Email} }

func noUser(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.New(fault.NotFound, "There is no such user.")
	}
	return err
}
