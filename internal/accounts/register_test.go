package accounts

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/db/dbtest"
	"rohrpost/internal/fault"
)

func TestWhoRegistersIsAUserAndCanLogIn(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user, err := s.Register(t.Context(), " Anna@Example.org ", " Anna ", password)
	require.NoError(t, err)
	require.Equal(t, anna, user.Email)
	require.Equal(t, "Anna", user.Name)
	require.Equal(t, RoleUser, user.Role)
	require.Equal(t, uuid.Version(7), user.ID.Version())
	require.WithinDuration(t, time.Now(), user.CreatedAt, time.Minute)

	found, err := s.User(t.Context(), user.ID)
	require.NoError(t, err)
	require.Equal(t, user, found)
	tokens := login(t, s, "ANNA@example.org")
	require.Equal(t, 15*time.Minute, tokens.ExpiresIn)
	id := authenticate(t, s, tokens)
	require.Equal(t, user.ID, id.UserID)
	require.False(t, id.IsAdmin())
}

func TestAPasswordIsStoredAsAnArgon2idHashOfTheOWASPStrength(t *testing.T) {
	t.Parallel()
	// Given a service as a process makes it, and an account of before the parameters grew
	s, err := New(dbtest.New(t), Config{Secret: secret})
	require.NoError(t, err)
	const strong = `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`
	require.Regexp(t, strong, s.hasher.decoy, "where there is no account, the work is the same")
	stored := func(id uuid.UUID) string {
		row, err := s.queries.UserByID(t.Context(), s.pool, id)
		require.NoError(t, err)
		return row.PasswordHash
	}
	// When somebody registers
	user := register(t, s, anna)
	// Then the password is kept at full strength, and so it is after a login with a hash of before
	require.Regexp(t, strong, stored(user.ID))
	weaken(t, s, user)
	login(t, s, anna)
	require.Regexp(t, strong, stored(user.ID))
}

func TestAnAddressIsTakenInAnySpelling(t *testing.T) {
	t.Parallel()
	s := serve(t)
	first := register(t, s, anna)
	for _, email := range []string{anna, "ANNA@EXAMPLE.ORG", " anna@example.org\t"} {
		_, err := s.Register(t.Context(), email, "Another Anna", "another password")
		require.ErrorIs(t, err, ErrEmailTaken)
		refused(t, err, "email_taken")
	}
	login(t, s, anna) // still with the first one's password
	found, err := s.User(t.Context(), first.ID)
	require.NoError(t, err)
	require.Equal(t, "Somebody", found.Name)
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM users"))
}

func TestOfManyWhoRegisterOneAddressAtOnceOneGetsIt(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var group errgroup.Group
	var won atomic.Int64
	for n := range 12 {
		group.Go(func() error {
			email := anna
			if n%2 == 0 {
				email = "Anna@Example.Org"
			}
			_, err := s.Register(t.Context(), email, "Anna", password)
			if errors.Is(err, ErrEmailTaken) {
				return nil
			}
			won.Add(1)
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.EqualValues(t, 1, won.Load())
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM users"))
}

func TestBadInputStoresNothingAndHashesNothing(t *testing.T) {
	t.Parallel()
	s := serve(t)
	checks, creates := counted(s)
	for _, in := range [][3]string{
		{"Anna <anna@example.org>", "Anna", password},
		{anna, "An\nna", password},
		{anna, "", password},
		{anna, "Anna", "short"},
		{anna, "Anna", anna},
	} {
		_, err := s.Register(t.Context(), in[0], in[1], in[2])
		refused(t, err, fault.Invalid)
	}
	require.Zero(t, checks.Load()+creates.Load())
	require.Zero(t, count(t, s, "SELECT count(*) FROM users"))
}

func TestClosedRegistration(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{RegistrationClosed: true})
	_, err := s.Register(t.Context(), anna, "Anna", password)
	require.ErrorIs(t, err, ErrRegistrationClosed)
	refused(t, err, "registration_closed")
	require.Equal(t, 403, fault.ClassOf(fault.CodeOf(err)).Status)
	require.Zero(t, count(t, s, "SELECT count(*) FROM users"))

	t.Run("lets those in who have an account, and an admin be made", func(t *testing.T) {
		created, err := s.EnsureAdmin(t.Context(), anna, password, root)
		require.NoError(t, err)
		require.True(t, created)
		login(t, s, anna)
	})
}

func TestUnknownUserIsNotFound(t *testing.T) {
	t.Parallel()
	_, err := serve(t).User(t.Context(), uuid.New())
	refused(t, err, fault.NotFound)
}
