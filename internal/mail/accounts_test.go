package mail_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/accounts"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestANewcomerConfirmsTheAddressAndForgetsThePassword(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	users, err := accounts.New(h.pool, accounts.Config{Secret: strings.Repeat("s", 32)}, accounts.Through(h))
	require.NoError(t, err)
	user, err := users.Register(t.Context(), "José@Example.org", "José", "correct horse battery")
	require.NoError(t, err)

	verified, err := users.VerifyAddress(t.Context(), tokenIn(t, mailAbout(t, server, "Confirm your address")))
	require.NoError(t, err)
	require.Equal(t, user.ID, verified.ID)

	require.NoError(t, users.RequestPasswordReset(t.Context(), "nobody@example.org"))
	require.NoError(t, users.RequestPasswordReset(t.Context(), "josé@example.org"))
	require.NoError(t, users.RequestPasswordReset(t.Context(), "josé@example.org"), "a second one at once")
	_, err = users.ResetPassword(t.Context(), tokenIn(t, mailAbout(t, server, "Choose a new password")), "a new battery")
	require.NoError(t, err)
	_, err = users.Login(t.Context(), "josé@example.org", "a new battery")
	require.NoError(t, err)
	require.Contains(t, mailAbout(t, server, "Your password was changed").Text, "Hello José,")
	require.Len(t, received(t, server), 3)
}

// mailAbout waits for a mail with this subject.
func mailAbout(t testing.TB, server *devstack.Mailpit, subject string) (found devstack.ReceivedMail) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, found = range received(t, server) {
			if found.Subject == subject {
				return true
			}
		}
		return false
	}, patience, pollEvery)
	return found
}

func tokenIn(t testing.TB, m devstack.ReceivedMail) string {
	t.Helper()
	match := regexp.MustCompile(`#token=([\w-]+)`).FindStringSubmatch(m.Text)
	require.NotNil(t, match, m.Text)
	return match[1]
}
