package accounts

import (
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
)

func TestTheSweepTakesWhatIsOfNoUseAndNothingElse(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	live, loggedOut := login(t, s, anna), login(t, s, anna)
	require.NoError(t, s.Logout(t.Context(), authenticate(t, s, loggedOut).SessionID))
	first := live.RefreshToken
	var err error
	for range 3 {
		live, err = s.Refresh(t.Context(), live.RefreshToken)
		require.NoError(t, err)
	}
	exec(t, s, "UPDATE refresh_tokens SET used_at = now() - interval '31 days' WHERE token_hash = $1", refreshHash(first))
	const expired = 2*sweepBatch + 1
	exec(t, s, `WITH s AS (INSERT INTO sessions (id, user_id, expires_at)
		SELECT gen_random_uuid(), $1, now() - interval '1 second' FROM generate_series(1, $2) RETURNING id)
		INSERT INTO refresh_tokens (token_hash, session_id) SELECT sha256(id::text::bytea), id FROM s`, user.ID, expired)

	dry := NewSweeper(s.pool, Config{})
	n, err := dry.Sessions(t.Context(), true)
	require.NoError(t, err)
	require.EqualValues(t, expired, n)
	n, err = dry.RefreshTokens(t.Context(), true)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, expired+2, count(t, s, "SELECT count(*) FROM sessions"), "a dry run deletes nothing")

	swept, err := s.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, Swept{Sessions: expired, RefreshTokens: 1}, swept)
	require.Equal(t, 2, count(t, s, "SELECT count(*) FROM sessions"), "the live one and the one logged out of")
	require.Equal(t, 4, count(t, s, "SELECT count(*) FROM refresh_tokens"), "two of use, two whose reuse is still noticed")
	authenticate(t, s, live)

	swept, err = s.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, swept)
	_, err = s.Refresh(t.Context(), first)
	refused(t, err, fault.Unauthorized)
	authenticate(t, s, live)
}
