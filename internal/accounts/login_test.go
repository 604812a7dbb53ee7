package accounts

import (
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/fault"
)

func TestUnknownUserAndWrongPasswordGetTheSameAnswerForTheSameWork(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	checks, creates := counted(s)
	var against []argon2id.Params
	check := s.hasher.check
	s.hasher.check = func(password, hash string) (bool, *argon2id.Params, error) {
		match, params, err := check(password, hash)
		against = append(against, *params)
		return match, params, err
	}
	for n, in := range [][2]string{
		{anna, "wrong password"},
		{"nobody@example.org", password},
		{"nobody@example.org", "wrong password"},
		{"no address", password},
		{"Anna <" + anna + ">", password},
		{"", ""},
		{anna, ""},
		{anna, "\xff\x00"},
		{anna, strings.Repeat("long", 1000)},
		{"'; DROP TABLE users --@\x00", password},
	} {
		_, err := s.Login(t.Context(), in[0], in[1])
		require.ErrorIs(t, err, ErrCredentials, "%q", in)
		require.EqualError(t, err, ErrCredentials.Error())
		require.EqualValues(t, n+1, checks.Load(), "one check for %q", in)
	}
	for _, params := range against {
		require.Equal(t, cheap, params, "the strength at which passwords are stored")
	}
	require.Zero(t, creates.Load())
	require.Zero(t, count(t, s, "SELECT count(*) FROM sessions"))
	require.Equal(t, 401, fault.ClassOf(CodeCredentials).Status)
}

func TestTheDecoysPasswordIsNobodys(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.hasher.check = func(string, string) (bool, *argon2id.Params, error) { return true, &cheap, nil }
	match, renewed, err := s.hasher.verify(t.Context(), password, "")
	require.NoError(t, err)
	require.False(t, match)
	require.Empty(t, renewed)
	_, err = s.Login(t.Context(), "nobody@example.org", password)
	require.ErrorIs(t, err, ErrCredentials)
}

func TestAPasswordMayBeTypedOnAnotherKeyboard(t *testing.T) {
	t.Parallel()
	s := serve(t)
	_, err := s.Register(t.Context(), anna, "Anna", "caf\u00e9 au lait")
	require.NoError(t, err)
	_, err = s.Login(t.Context(), anna, "cafe\u0301 au lait")
	require.NoError(t, err)
}

// weaken gives the user a hash of before the parameters grew.
func weaken(t testing.TB, s *Service, user User) (hash string) {
	t.Helper()
	hash, err := argon2id.CreateHash(password, &argon2id.Params{
		Memory: 32, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	require.NoError(t, err)
	exec(t, s, "UPDATE users SET password_hash = $2 WHERE id = $1", user.ID, hash)
	return hash
}

func TestAWeakHashIsRenewedByTheNextLoginAndOnlyByARightOne(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	weak := weaken(t, s, user)
	_, creates := counted(s)
	stored := func() string {
		row, err := s.queries.UserByID(t.Context(), s.pool, user.ID)
		require.NoError(t, err)
		return row.PasswordHash
	}
	_, err := s.Login(t.Context(), anna, "wrong password")
	require.ErrorIs(t, err, ErrCredentials)
	require.Equal(t, weak, stored())

	login(t, s, anna)
	require.True(t, strings.HasPrefix(stored(), "$argon2id$v=19$m=64,t=2,p=1$"), stored())
	login(t, s, anna)
	require.EqualValues(t, 1, creates.Load(), "once is enough")
}

func TestLoginsThatRenewTheSameHashAtOnceAllSucceed(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{HashParallel: 6})
	weaken(t, s, register(t, s, anna))
	var group errgroup.Group
	for range 6 {
		group.Go(func() error {
			_, err := s.Login(t.Context(), anna, password)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Equal(t, 6, count(t, s, "SELECT count(*) FROM sessions WHERE revoked_at IS NULL"))
}

func TestAPasswordThatIsChangedWhileItIsCheckedOpensNothingAndStaysChanged(t *testing.T) {
	t.Parallel()
	const changed = "quite another password"
	for name, prepare := range map[string]func(testing.TB, *Service, User) string{
		"strong hash": func(testing.TB, *Service, User) string { return "" },
		"weak hash":   weaken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t)
			prepare(t, s, register(t, s, anna))
			other := serveOn(t, s.pool)
			check := s.hasher.check
			s.hasher.check = func(password, hash string) (bool, *argon2id.Params, error) {
				match, params, err := check(password, hash)
				if match {
					_, err = other.EnsureAdmin(t.Context(), anna, changed, root)
				}
				return match, params, err
			}
			_, err := s.Login(t.Context(), anna, password)
			require.ErrorIs(t, err, ErrCredentials)
			require.Zero(t, count(t, s, "SELECT count(*) FROM sessions"))
			_, err = other.Login(t.Context(), anna, changed)
			require.NoError(t, err)
		})
	}
}

func TestALoginWaitsForAPasswordThatIsJustBeingChanged(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	_, err = tx.Exec(t.Context(), "UPDATE users SET password_hash = $2 WHERE id = $1", user.ID, s.hasher.decoy)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := s.Login(t.Context(), anna, password)
		done <- err
	}()
	require.Eventually(t, func() bool {
		return count(t, s, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%OpenSession%'`) == 1
	}, patience, 5*time.Millisecond, "the login neither goes on nor fails")
	require.NoError(t, tx.Commit(t.Context()))
	require.ErrorIs(t, <-done, ErrCredentials)
	require.Zero(t, count(t, s, "SELECT count(*) FROM sessions"))
}
