package accounts

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/fault"
)

func TestAnAdminIsMadeOnceAndKeepsItsSessions(t *testing.T) {
	t.Parallel()
	s := serve(t)
	created, err := s.EnsureAdmin(t.Context(), "Anna@Example.org", password, root)
	require.NoError(t, err)
	require.True(t, created)
	tokens := login(t, s, anna)
	require.True(t, authenticate(t, s, tokens).IsAdmin())

	for _, again := range []string{password, ""} { // the next starts of the server
		created, err = s.EnsureAdmin(t.Context(), anna, again, root)
		require.NoError(t, err)
		require.False(t, created)
		require.True(t, authenticate(t, s, tokens).IsAdmin())
	}
	login(t, s, anna)
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM users"))
}

func TestANewAdminNeedsAPassword(t *testing.T) {
	t.Parallel()
	s := serve(t)
	_, err := s.EnsureAdmin(t.Context(), anna, "", root)
	require.ErrorIs(t, err, ErrPasswordNeeded)
	_, err = s.EnsureAdmin(t.Context(), anna, "short", root)
	refused(t, err, fault.Invalid)
	_, err = s.EnsureAdmin(t.Context(), "no address", password, root)
	refused(t, err, fault.Invalid)
	require.Zero(t, count(t, s, "SELECT count(*) FROM users"))
}

func TestAUserIsPromotedAndKeepsNameAndPassword(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	bert := register(t, s, "bert@example.org")
	tokens := login(t, s, anna)
	created, err := s.EnsureAdmin(t.Context(), anna, "", root)
	require.NoError(t, err)
	require.False(t, created)
	require.True(t, authenticate(t, s, tokens).IsAdmin())
	login(t, s, anna)
	user.Role = RoleAdmin
	found, err := s.User(t.Context(), user.ID)
	require.NoError(t, err)
	require.Equal(t, user, found)
	other, err := s.User(t.Context(), bert.ID)
	require.NoError(t, err)
	require.Equal(t, RoleUser, other.Role)
}

func TestANewPasswordOfAnAdminRevokesItsSessions(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	register(t, s, "bert@example.org")
	tokens, others := login(t, s, anna), login(t, s, "bert@example.org")
	created, err := s.EnsureAdmin(t.Context(), anna, "quite another password", root)
	require.NoError(t, err)
	require.False(t, created)
	wantEnded(t, s, tokens)
	authenticate(t, s, others)
	_, err = s.Login(t.Context(), anna, password)
	require.ErrorIs(t, err, ErrCredentials)
	tokens, err = s.Login(t.Context(), anna, "quite another password")
	require.NoError(t, err)
	require.True(t, authenticate(t, s, tokens).IsAdmin())
}

func TestServersThatStartAtOnceMakeOneAdmin(t *testing.T) {
	t.Parallel()
	s := serve(t)
	var group errgroup.Group
	var made atomic.Int64
	for range 6 {
		group.Go(func() error {
			created, err := s.EnsureAdmin(t.Context(), anna, password, root)
			if created {
				made.Add(1)
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.EqualValues(t, 1, made.Load())
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM users WHERE role = 'admin'"))
	login(t, s, anna)
}
