package accounts

import (
	"context"
	"crypto/sha256"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/fault"
)

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	first := login(t, s, anna)
	second, err := s.Refresh(t.Context(), first.RefreshToken)
	require.NoError(t, err)
	require.NotEqual(t, first.RefreshToken, second.RefreshToken)
	require.Equal(t, first.ExpiresIn, second.ExpiresIn)
	require.Equal(t, authenticate(t, s, first), authenticate(t, s, second), "the same session goes on")
	third, err := s.Refresh(t.Context(), second.RefreshToken)
	require.NoError(t, err)
	authenticate(t, s, third)
}

func TestARefreshTokenUsedAgainRevokesTheWholeSessionAndNoOther(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	stolen, phone := login(t, s, anna), login(t, s, anna)
	next, err := s.Refresh(t.Context(), stolen.RefreshToken)
	require.NoError(t, err)
	next, err = s.Refresh(t.Context(), next.RefreshToken)
	require.NoError(t, err)

	_, err = s.Refresh(t.Context(), stolen.RefreshToken) // even one of long ago
	refused(t, err, fault.Unauthorized)
	require.ErrorContains(t, err, "used twice", "for the log")
	require.NotContains(t, fault.Message(err), "used twice", "for the caller")
	wantEnded(t, s, stolen)
	wantEnded(t, s, next)
	authenticate(t, s, phone)
	_, err = s.Refresh(t.Context(), phone.RefreshToken)
	require.NoError(t, err)
}

func TestOfManyRefreshesAtOnceOneWinsAndTheSessionIsRevoked(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	for range 5 {
		tokens := login(t, s, anna)
		var group errgroup.Group
		var winner atomic.Pointer[Tokens]
		var won atomic.Int64
		for range 8 {
			group.Go(func() error {
				next, err := s.Refresh(t.Context(), tokens.RefreshToken)
				if fault.CodeOf(err) == fault.Unauthorized {
					return nil
				}
				won.Add(1)
				winner.Store(&next)
				return err
			})
		}
		require.NoError(t, group.Wait())
		require.EqualValues(t, 1, won.Load())
		wantEnded(t, s, tokens)
		wantEnded(t, s, *winner.Load())
	}
}

func TestTheSessionIsRevokedEvenIfWhoUsedItsTokenAgainHangsUp(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	tokens := login(t, s, anna)
	next, err := s.Refresh(t.Context(), tokens.RefreshToken)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refused(t, s.refuse(ctx, refreshHash(tokens.RefreshToken)), fault.Unauthorized)
	wantEnded(t, s, next)
}

func TestAStrangeRefreshTokenHurtsNobody(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	tokens := login(t, s, anna)
	for _, token := range []string{"", "x", "\x00\xff", newRefreshToken(), tokens.AccessToken, tokens.RefreshToken + "=",
		strings.Repeat("long", 10_000)} {
		_, err := s.Refresh(t.Context(), token)
		refused(t, err, fault.Unauthorized)
	}
	authenticate(t, s, tokens)
	_, err := s.Refresh(t.Context(), tokens.RefreshToken)
	require.NoError(t, err)
}

func TestRefreshTokensAreStoredAsHashesOnly(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	token := login(t, s, anna).RefreshToken
	require.Len(t, token, 43, "256 bits in base64")
	hash := sha256.Sum256([]byte(token))
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM refresh_tokens WHERE token_hash = $1", hash[:]))
	require.Zero(t, count(t, s, "SELECT count(*) FROM refresh_tokens t WHERE t::text LIKE '%' || $1 || '%'", token))
}

func TestASessionLivesAsLongAsItIsRefreshed(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	tokens := login(t, s, anna)
	id := authenticate(t, s, tokens).SessionID
	remaining := func() time.Duration {
		var expires time.Time
		require.NoError(t, s.pool.QueryRow(t.Context(), "SELECT expires_at FROM sessions WHERE id = $1", id).Scan(&expires))
		return time.Until(expires)
	}
	require.InDelta(t, 30*24*time.Hour, remaining(), float64(time.Minute))
	exec(t, s, "UPDATE sessions SET expires_at = now() + interval '1 minute' WHERE id = $1", id)
	tokens, err := s.Refresh(t.Context(), tokens.RefreshToken)
	require.NoError(t, err)
	require.InDelta(t, 30*24*time.Hour, remaining(), float64(time.Minute))

	exec(t, s, "UPDATE sessions SET expires_at = now() - interval '1 second' WHERE id = $1", id)
	wantEnded(t, s, tokens)
}

func TestLogoutEndsTheSessionAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	here, there := login(t, s, anna), login(t, s, anna)
	id := authenticate(t, s, here).SessionID
	other := serveOn(t, s.pool) // another process
	authenticate(t, other, here)
	require.NoError(t, s.Logout(t.Context(), id))
	wantEnded(t, s, here)
	wantEnded(t, other, here)
	authenticate(t, other, there)

	require.NoError(t, s.Logout(t.Context(), id), "twice")
	require.NoError(t, s.Logout(t.Context(), uuid.New()), "of nothing")
	authenticate(t, s, there)
}

func TestARefreshThatRunsIntoALogoutGivesNoLiveTokens(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	for range 10 {
		tokens := login(t, s, anna)
		id := authenticate(t, s, tokens).SessionID
		var group errgroup.Group
		var next Tokens
		group.Go(func() error {
			var err error
			next, err = s.Refresh(t.Context(), tokens.RefreshToken)
			if fault.CodeOf(err) == fault.Unauthorized {
				return nil
			}
			return err
		})
		group.Go(func() error { return s.Logout(t.Context(), id) })
		require.NoError(t, group.Wait())
		wantEnded(t, s, tokens)
		wantEnded(t, s, next)
	}
}

func TestRolesCountAtOnceWhateverTheTokenSays(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	tokens := login(t, s, anna)
	require.False(t, authenticate(t, s, tokens).IsAdmin())
	_, err := s.EnsureAdmin(t.Context(), anna, "", root)
	require.NoError(t, err)
	require.True(t, authenticate(t, s, tokens).IsAdmin())
	promoted, err := s.Refresh(t.Context(), tokens.RefreshToken)
	require.NoError(t, err)
	exec(t, s, "UPDATE users SET role = 'user' WHERE id = $1", user.ID)
	require.False(t, authenticate(t, s, promoted).IsAdmin())
}

func TestWhoseAccountIsGoneIsNobody(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	tokens := login(t, s, anna)
	exec(t, s, "DELETE FROM users WHERE id = $1", user.ID)
	wantEnded(t, s, tokens)
}

func TestADatabaseThatDoesNotAnswerIsNotABadToken(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	tokens := login(t, s, anna)
	s.pool.Close()
	_, err := s.Authenticate(t.Context(), tokens.AccessToken)
	require.Error(t, err)
	require.NotEqual(t, fault.Unauthorized, fault.CodeOf(err))
	_, err = s.Refresh(t.Context(), tokens.RefreshToken)
	require.Error(t, err)
	require.NotEqual(t, fault.Unauthorized, fault.CodeOf(err))
	_, err = s.Login(t.Context(), anna, password)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrCredentials)
}

func BenchmarkAuthenticate(b *testing.B) {
	s := serve(b)
	register(b, s, anna)
	token := login(b, s, anna).AccessToken
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.Authenticate(b.Context(), token)
		require.NoError(b, err)
	}
}
