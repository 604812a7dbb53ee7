package accounts

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
)

func TestForgedTokensAreRefused(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	bert := register(t, s, "bert@example.org")
	tokens := login(t, s, anna)
	session := authenticate(t, s, tokens).SessionID

	genuine := func() jwt.MapClaims {
		return jwt.MapClaims{"iss": issuer, "aud": audience,
			"sub": user.ID.String(), "sid": session.String(), "role": RoleAdmin,
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	}
	signed := func(method jwt.SigningMethod, key any, change func(c jwt.MapClaims)) string {
		c := genuine()
		change(c)
		token, err := jwt.NewWithClaims(method, c).SignedString(key)
		require.NoError(t, err)
		return token
	}
	claim := func(name string, value any) string {
		return signed(jwt.SigningMethodHS256, []byte(secret), func(c jwt.MapClaims) {
			c[name] = value
			if value == nil {
				delete(c, name)
			}
		})
	}
	as := func(jwt.MapClaims) {}
	part := strings.Split(tokens.AccessToken, ".")
	admin := base64.RawURLEncoding.EncodeToString([]byte(`{"role":"admin"}`))

	id, err := s.Authenticate(t.Context(), claim("iat", time.Now().Unix()))
	require.NoError(t, err, "what the others are changes of is good")
	require.Equal(t, RoleUser, id.Role, "whatever role it claims")

	for name, token := range map[string]string{
		"nothing":             "",
		"garbage":             "garbage",
		"only dots":           "..",
		"many dots":           strings.Repeat(".", 100_000),
		"bytes":               "\x00\xff.\x00.\xff",
		"a refresh token":     tokens.RefreshToken,
		"no signature":        part[0] + "." + part[1] + ".",
		"cut":                 tokens.AccessToken[:len(tokens.AccessToken)-4],
		"changed claims":      part[0] + "." + admin + "." + part[2],
		"with a scheme":       "Bearer " + tokens.AccessToken,
		"another secret":      signed(jwt.SigningMethodHS256, []byte(secret+"!"), as),
		"an empty secret":     signed(jwt.SigningMethodHS256, []byte{}, as),
		"algorithm none":      signed(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, as),
		"algorithm HS384":     signed(jwt.SigningMethodHS384, []byte(secret), as),
		"algorithm HS512":     signed(jwt.SigningMethodHS512, []byte(secret), as),
		"another issuer":      claim("iss", "elsewhere"),
		"no issuer":           claim("iss", nil),
		"another audience":    claim("aud", "mail-confirmation"),
		"no audience":         claim("aud", nil),
		"expired":             claim("exp", time.Now().Add(-time.Second).Unix()),
		"no expiry":           claim("exp", nil),
		"expiry of a kind":    claim("exp", "tomorrow"),
		"not yet":             claim("nbf", time.Now().Add(time.Minute).Unix()),
		"no subject":          claim("sub", nil),
		"a strange subject":   claim("sub", "anna"),
		"somebody's session":  claim("sub", bert.ID.String()),
		"no session":          claim("sid", nil),
		"a strange session":   claim("sid", "x"),
		"an unknown session":  claim("sid", uuid.NewString()),
		"a session of a kind": claim("sid", 7),
	} {
		_, err := s.Authenticate(t.Context(), token)
		require.Error(t, err, name)
		require.Equal(t, fault.Unauthorized, fault.CodeOf(err), "%s: %v", name, err)
		require.Equal(t, fault.Message(unauthorized(nil)), fault.Message(err), name)
	}
	authenticate(t, s, tokens)
}

func TestAnAccessTokenExpires(t *testing.T) {
	t.Parallel()
	s := serve(t, Config{AccessTTL: 10 * time.Minute})
	register(t, s, anna)
	now := time.Now()
	s.now = func() time.Time { return now }
	tokens := login(t, s, anna)
	require.Equal(t, 10*time.Minute, tokens.ExpiresIn)
	now = now.Add(10*time.Minute - 2*time.Second)
	authenticate(t, s, tokens)
	now = now.Add(2 * time.Second)
	_, err := s.Authenticate(t.Context(), tokens.AccessToken)
	refused(t, err, fault.Unauthorized)
	tokens, err = s.Refresh(t.Context(), tokens.RefreshToken)
	require.NoError(t, err)
	authenticate(t, s, tokens)
}

func TestWhatAnAccessTokenSays(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	tokens := login(t, s, anna)
	id := authenticate(t, s, tokens)
	said := jwt.MapClaims{}
	token, _, err := jwt.NewParser().ParseUnverified(tokens.AccessToken, said)
	require.NoError(t, err)
	require.Equal(t, "HS256", token.Method.Alg())
	require.Equal(t, user.ID.String(), said["sub"])
	require.Equal(t, id.SessionID.String(), said["sid"])
	require.Equal(t, RoleUser, said["role"])
	require.Equal(t, issuer, said["iss"])
	require.Equal(t, []any{audience}, said["aud"])
	require.Len(t, said, 7, "and iat and exp: no address, no name")
}

func TestAnotherSecretEndsAccessTokensButNotSessions(t *testing.T) {
	t.Parallel()
	s := serve(t)
	register(t, s, anna)
	tokens := login(t, s, anna)
	rotated, err := New(s.pool, Config{Secret: strings.Repeat("r", 64)})
	require.NoError(t, err)
	_, err = rotated.Authenticate(t.Context(), tokens.AccessToken)
	refused(t, err, fault.Unauthorized)
	tokens, err = rotated.Refresh(t.Context(), tokens.RefreshToken)
	require.NoError(t, err)
	authenticate(t, rotated, tokens)
}
