package accounts

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
)

// postbox writes mails down as the real mailer does, and keeps what it was given.
type postbox struct {
	mu   sync.Mutex // guards mails
	mail []mail.Mail
	err  error
}

func (p *postbox) Send(_ context.Context, _ pgx.Tx, m mail.Mail) (queue.Record, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.mail = append(p.mail, m)
	}
	return queue.Record{}, p.err
}

// mailing is a service whose mails go to a postbox.
func mailing(t testing.TB) (*Service, *postbox) {
	t.Helper()
	s, box := serve(t), &postbox{}
	Through(box)(s)
	return s, box
}

// token is one as a mail to user has it.
func token(t testing.TB, s *Service, purpose string, user User) string {
	t.Helper()
	text := newRefreshToken()
	require.NoError(t, s.queries.InsertMailToken(t.Context(), s.pool, db.InsertMailTokenParams{
		TokenHash: mail.TokenHash(text), Purpose: purpose, UserID: user.ID, Email: user.Email, Seconds: 60,
	}))
	return text
}

func TestWhoRegistersIsAskedToConfirmTheAddress(t *testing.T) {
	t.Parallel()
	s, box := mailing(t)
	user := register(t, s, anna)
	require.Nil(t, user.VerifiedAt)
	require.Equal(t, []mail.Mail{{Template: mail.VerifyAddress, To: anna, User: user.ID}}, box.mail)

	link := token(t, s, mail.VerifyAddress, user)
	verified, err := s.VerifyAddress(t.Context(), link)
	require.NoError(t, err)
	require.NotNil(t, verified.VerifiedAt)
	again, err := s.User(t.Context(), user.ID)
	require.NoError(t, err)
	require.Equal(t, verified, again)

	_, err = s.VerifyAddress(t.Context(), link)
	require.ErrorIs(t, err, ErrLink, "used")
	require.ErrorIs(t, s.RequestVerification(t.Context(), user.ID), ErrVerified)
	refused(t, s.RequestVerification(t.Context(), uuid.New()), fault.NotFound)
	require.Len(t, box.mail, 1)
}

func TestARegistrationAndItsMailHappenTogetherOrNot(t *testing.T) {
	t.Parallel()
	s, box := mailing(t)
	box.err = errors.New("no")
	_, err := s.Register(t.Context(), anna, "Anna", password)
	require.ErrorIs(t, err, box.err)
	require.Zero(t, count(t, s, "SELECT count(*) FROM users"))
	box.err = mail.ErrTooSoon
	user := register(t, s, anna)
	require.ErrorIs(t, s.RequestVerification(t.Context(), user.ID), mail.ErrTooSoon)
	box.err = nil
	require.NoError(t, s.RequestVerification(t.Context(), user.ID))
	require.Len(t, box.mail, 1)
}

func TestWhoAsksForANewPasswordLearnsNothing(t *testing.T) {
	t.Parallel()
	s, box := mailing(t)
	register(t, s, anna)
	box.mail = nil
	for _, email := range []string{" Anna@Example.org", "nobody@example.org"} {
		require.NoError(t, s.RequestPasswordReset(t.Context(), email))
	}
	require.Equal(t, []mail.Mail{
		{Template: mail.PasswordReset, To: anna}, {Template: mail.PasswordReset, To: "nobody@example.org"},
	}, box.mail)
	box.err = mail.ErrTooSoon
	require.NoError(t, s.RequestPasswordReset(t.Context(), anna), "it is on its way")
	refused(t, s.RequestPasswordReset(t.Context(), "anna"), fault.Invalid)
}

func TestANewPasswordEndsAllSessionsAndLinks(t *testing.T) {
	t.Parallel()
	s, box := mailing(t)
	user := register(t, s, anna)
	before := login(t, s, anna)
	link, other := token(t, s, mail.PasswordReset, user), token(t, s, mail.PasswordReset, user)
	checks, creates := counted(s)

	for _, bad := range []string{"short", anna} {
		_, err := s.ResetPassword(t.Context(), link, bad)
		refused(t, err, fault.Invalid)
	}
	_, err := s.ResetPassword(t.Context(), newRefreshToken(), "another battery")
	require.ErrorIs(t, err, ErrLink)
	_, err = s.ResetPassword(t.Context(), token(t, s, mail.VerifyAddress, user), "another battery")
	require.ErrorIs(t, err, ErrLink, "made for something else")
	require.Zero(t, creates.Load()+checks.Load(), "a guess costs no hash")
	authenticate(t, s, before)

	reset, err := s.ResetPassword(t.Context(), link, "another battery")
	require.NoError(t, err)
	require.Equal(t, user.ID, reset.ID)
	require.NotNil(t, reset.VerifiedAt, "the mail was read")
	wantEnded(t, s, before)
	_, err = s.Login(t.Context(), anna, password)
	require.ErrorIs(t, err, ErrCredentials)
	_, err = s.Login(t.Context(), anna, "another battery")
	require.NoError(t, err)
	require.Equal(t, mail.Mail{Template: mail.PasswordChanged, To: anna, User: user.ID}, box.mail[len(box.mail)-1])
	for _, used := range []string{link, other} {
		_, err = s.ResetPassword(t.Context(), used, "yet another battery")
		require.ErrorIs(t, err, ErrLink)
	}
}

func TestALinkIsGoodForAWhileAndForItsAddress(t *testing.T) {
	t.Parallel()
	s, _ := mailing(t)
	user := register(t, s, anna)
	expired := token(t, s, mail.VerifyAddress, user)
	exec(t, s, "UPDATE mail_tokens SET expires_at = now()")
	_, err := s.VerifyAddress(t.Context(), expired)
	require.ErrorIs(t, err, ErrLink)
	verify, reset := token(t, s, mail.VerifyAddress, user), token(t, s, mail.PasswordReset, user)
	exec(t, s, "UPDATE users SET email = 'anna@elsewhere.example'")
	_, err = s.VerifyAddress(t.Context(), verify)
	require.ErrorIs(t, err, ErrLink)
	_, err = s.ResetPassword(t.Context(), reset, "another battery")
	require.ErrorIs(t, err, ErrLink)
}

func TestOfTwoWhoUseALinkAtOnceOneWins(t *testing.T) {
	t.Parallel()
	s, _ := mailing(t)
	user := register(t, s, anna)
	link := token(t, s, mail.PasswordReset, user)
	errs := make(chan error)
	for _, password := range []string{"first battery", "second battery", "third battery"} {
		go func() {
			_, err := s.ResetPassword(context.WithoutCancel(t.Context()), link, password)
			errs <- err
		}()
	}
	won := 0
	for range 3 {
		if err := <-errs; err == nil {
			won++
		} else {
			require.ErrorIs(t, err, ErrLink)
		}
	}
	require.Equal(t, 1, won)
}

func TestAServerWithoutMailSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t)
	user := register(t, s, anna)
	require.ErrorIs(t, s.RequestVerification(t.Context(), user.ID), ErrNoMail)
	require.ErrorIs(t, s.RequestPasswordReset(t.Context(), anna), ErrNoMail)
}
