package accounts

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	anna     = "anna@example.org"
	password = "correct horse battery"
	patience = 20 * time.Second // for what takes milliseconds, on a machine that is busy
)

// root is who runs the tests' commands.
var root = audit.Actor{Name: "root@console"}

var secret = strings.Repeat("s", minSecretBytes)

// cheap hashes take the race detector next to no time. That the usual ones are strong is a test of its own.
var cheap = argon2id.Params{Memory: 64, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// serve is a service on a database of its own, whose hashes are cheap. It may get a config, of which the secret is set.
func serve(t testing.TB, cfg ...Config) *Service {
	t.Helper()
	return serveOn(t, dbtest.New(t), cfg...)
}

func serveOn(t testing.TB, pool *db.Pool, cfg ...Config) *Service {
	t.Helper()
	c := append(cfg, Config{})[0]
	c.Secret = secret
	s, err := New(pool, c, Hashing(cheap))
	require.NoError(t, err)
	return s
}

func register(t testing.TB, s *Service, email string) User {
	t.Helper()
	user, err := s.Register(t.Context(), email, "Somebody", password)
	require.NoError(t, err)
	return user
}

// login registers nobody: the account is there.
func login(t testing.TB, s *Service, email string) Tokens {
	t.Helper()
	tokens, err := s.Login(t.Context(), email, password)
	require.NoError(t, err)
	return tokens
}

func authenticate(t testing.TB, s *Service, tokens Tokens) Identity {
	t.Helper()
	id, err := s.Authenticate(t.Context(), tokens.AccessToken)
	require.NoError(t, err)
	return id
}

func refused(t testing.TB, err error, code fault.Code) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, code, fault.CodeOf(err), "%v", err)
}

// wantEnded wants a session in which neither token is good.
func wantEnded(t testing.TB, s *Service, tokens Tokens) {
	t.Helper()
	_, err := s.Authenticate(t.Context(), tokens.AccessToken)
	refused(t, err, fault.Unauthorized)
	_, err = s.Refresh(t.Context(), tokens.RefreshToken)
	refused(t, err, fault.Unauthorized)
}

func exec(t testing.TB, s *Service, sql string, args ...any) {
	t.Helper()
	_, err := s.pool.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func count(t testing.TB, s *Service, sql string, args ...any) int {
	t.Helper()
	var n int
	require.NoError(t, s.pool.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

// counted counts the passwords that s checks and the hashes that it makes.
func counted(s *Service) (checks, creates *atomic.Int64) {
	checks, creates = new(atomic.Int64), new(atomic.Int64)
	check, create := s.hasher.check, s.hasher.create
	s.hasher.check = func(password, hash string) (bool, *argon2id.Params, error) {
		checks.Add(1)
		return check(password, hash)
	}
	s.hasher.create = func(password string, params *argon2id.Params) (string, error) {
		creates.Add(1)
		return create(password, params)
	}
	return checks, creates
}
