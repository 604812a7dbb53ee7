package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/db"
	"rohrpost/internal/mail"
)

// mailing has the api processes that are opened later write mails down; nobody sends them.
func (h *house) mailing() {
	h.t.Helper()
	var err error
	h.mail, err = mail.New(h.pool, mail.Config{URL: "smtp://127.0.0.1:1", From: "noreply@example.org"}, h.log())
	require.NoError(h.t, err)
}

// link is a token as a mail of this kind would have it.
func (h *house) link(purpose string, u user) string {
	h.t.Helper()
	token := uuid.NewString()
	require.NoError(h.t, db.New().InsertMailToken(h.t.Context(), h.pool, db.InsertMailTokenParams{
		TokenHash: mail.TokenHash(token), Purpose: purpose, UserID: u.id, Email: u.email, Seconds: 60,
	}))
	return token
}

func (h *house) mails(template string, to user) int {
	h.t.Helper()
	return h.count("SELECT count(*) FROM mails WHERE template = $1 AND recipient = $2", template, to.email)
}

func TestAnAddressIsConfirmedByMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mailing()
	s := h.open(api.Config{})
	ada := s.user()
	require.Equal(t, 1, s.mails(mail.VerifyAddress, ada))
	again := request{method: "POST", path: "/api/auth/verification", as: &ada}
	s.send(again).problem(429, "rate_limited")
	s.exec("UPDATE mails SET created_at = created_at - interval '2 minutes'")
	s.send(again).want(http.StatusAccepted)
	require.Equal(t, 2, s.mails(mail.VerifyAddress, ada))

	verify := request{path: "/api/auth/verify", json: api.Verification{Token: s.link(mail.VerifyAddress, ada)}}
	s.send(verify).want(http.StatusNoContent)
	s.send(verify).problem(400, "link_not_valid")
	s.send(again).problem(409, "address_verified")
	var me api.User
	s.send(request{path: "/api/me", as: &ada}).want(http.StatusOK).into(&me)
	require.NotNil(t, me.VerifiedAt)
}

func TestAForgottenPasswordIsReplacedByMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mailing()
	s := h.open(api.Config{})
	ada, nobody := s.user(), user{email: "nobody@example.org"}
	// Whether there is such an account makes no difference.
	var answers []*answer
	for _, u := range []user{ada, nobody} {
		answers = append(answers, s.send(request{path: "/api/auth/password-reset",
			json: api.PasswordResetRequest{Email: u.email}}).want(http.StatusAccepted))
		require.Equal(t, 1, s.mails(mail.PasswordReset, u))
	}
	require.Equal(t, answers[0].body, answers[1].body)

	reset := func(token, password string) *answer {
		return s.send(request{path: "/api/auth/password", json: api.PasswordReset{Token: token, Password: password}})
	}
	token := s.link(mail.PasswordReset, ada)
	reset(token, "x").problem(400, "invalid")
	reset(token, "a new horse battery").want(http.StatusNoContent)
	reset(token, "another horse battery").problem(400, "link_not_valid")
	s.send(request{path: "/api/me", as: &ada}).problem(401, "unauthorized")
	login := func(password string) *answer {
		return s.send(request{path: "/api/auth/login", json: api.Credentials{Email: ada.email, Password: password}})
	}
	login(password).problem(401, "invalid_credentials")
	login("a new horse battery").want(http.StatusOK)
}

func TestTokensCannotBeGuessedQuickly(t *testing.T) {
	t.Parallel()
	s := newHouse(t).open(api.Config{LoginBurst: 3, LoginEvery: time.Hour})
	guess := send("/api/auth/password", `{"token":"guess","password":"a new horse battery"}`)
	for range 3 {
		s.send(guess).problem(400, "link_not_valid")
	}
	refused := s.send(guess)
	refused.problem(429, "rate_limited")
	require.NotEmpty(t, refused.header.Get("Retry-After"))
	s.send(send("/api/auth/login", `{"email":"ada@example.org","password":"guess"}`)).problem(401, "invalid_credentials")
}

func TestMailsToOneAddressCannotBeAskedForQuickly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.mailing()
	s := h.open(api.Config{LoginBurst: 1})
	ask := send("/api/auth/password-reset", `{"email":"ada@example.org"}`)
	s.send(ask).want(http.StatusAccepted)
	s.send(ask).problem(429, "rate_limited")
}
