package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// The roles of a user.
const (
	RoleUser  = "user"
	RoleAdmin = "admin"
)

// queryTimeout bounds what one call asks of PostgreSQL: a few rows by key, so longer means that it is in trouble.
const queryTimeout = 5 * time.Second

// Service answers for the users, their logins and their sessions. It is safe for concurrent use.
type Service struct {
	pool    *db.Pool
	cfg     Config
	params  argon2id.Params // of the hasher
	hasher  *hasher
	access  accessTokens
	queries *db.Queries
	now     func() time.Time
	mailer  Mailer // nil where no mail is sent

	sessions *sessions
}

// User is an account as others may see it.
type User struct {
	ID        uuid.UUID
	Email     string // in lower case
	Name      string
	Role      string // RoleUser or RoleAdmin
	CreatedAt time.Time
	// VerifiedAt is when the user proved to read the mail of the address; nil until then.
	VerifiedAt *time.Time
}

// Option adds what not every process needs.
type Option func(*Service)

// New makes the service. An AUTH_SECRET that is missing or too short is an error that names it.
func New(pool *db.Pool, cfg Config, opts ...Option) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Service{pool: pool, cfg: cfg, params: hashParams, queries: db.New(), now: time.Now}
	s.sessions = joinSessions(pool, s.queries)
	s.access = newAccessTokens(cfg.Secret, cfg.AccessTTL, func() time.Time { return s.now() })
	for _, opt := range opts {
		opt(s)
	}
	if s.hasher, err = newHasher(s.params, cfg.HashParallel, cfg.HashWaiting); err != nil {
		return nil, err
	}
	return s, nil
}

// Register makes an account with the role user and, where mail is sent, asks for a confirmation of its address. Errors:
// [ErrRegistrationClosed], [ErrEmailTaken], [ErrBusy], and code invalid for an address, name or password that can't be
// one.
func (s *Service) Register(ctx context.Context, email, name, password string) (User, error) {
	if s.cfg.RegistrationClosed {
		return User{}, ErrRegistrationClosed
	}
	email, err := cleanEmail(email)
	if err != nil {
		return User{}, err
	}
	if name, err = cleanName(name); err != nil {
		return User{}, err
	}
	if password, err = cleanPassword(password, email); err != nil {
		return User{}, err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	user, err := s.insert(ctx, db.InsertUserParams{Email: email, Name: name, PasswordHash: hash, Role: RoleUser}, s.welcome)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, ErrEmailTaken
	}
	if err != nil {
		return User{}, err
	}
	return shown(user), nil
}

// User returns an account. Errors: code not_found.
func (s *Service) User(ctx context.Context, id uuid.UUID) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	user, err := s.queries.UserByID(ctx, s.pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, fault.New(fault.NotFound, "There is no such user.")
	}
	if err != nil {
		return User{}, fmt.Errorf("user %s: %w", id, err)
	}
	return shown(user), nil
}

// insert adds an account under a new id, and does what goes with it. pgx.ErrNoRows: the address is taken.
func (s *Service) insert(ctx context.Context, user db.InsertUserParams,
	along ...func(ctx context.Context, tx pgx.Tx, user db.User) error) (db.User, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	id, err := uuid.NewV7()
	if err != nil {
		return db.User{}, fmt.Errorf("user id: %w", err)
	}
	user.ID = id
	var inserted db.User
	err = db.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if inserted, err = s.queries.InsertUser(ctx, tx, user); err != nil {
			return err
		}
		for _, do := range along {
			if err := do(ctx, tx, inserted); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return db.User{}, fmt.Errorf("add a user: %w", err)
	}
	return inserted, nil
}

// byEmail finds an account by its clean address. pgx.ErrNoRows: there is none.
func (s *Service) byEmail(ctx context.Context, email string) (db.User, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	user, err := s.queries.UserByEmail(ctx, s.pool, email)
	if err != nil {
		return db.User{}, fmt.Errorf("user by address: %w", err)
	}
	return user, nil
}

func shown(u db.User) User {
	return User{ID: u.ID, Email: u.Email, Name: u.Name, Role: u.Role, CreatedAt: u.CreatedAt, VerifiedAt: u.VerifiedAt}
}
