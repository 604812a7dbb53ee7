package accounts

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
)

// log is what the audit log says was done, the newest first.
func log(t testing.TB, s *Service) []db.AuditEntry {
	t.Helper()
	entries, err := audit.List(t.Context(), s.pool, audit.Filter{Limit: 100})
	require.NoError(t, err)
	return entries
}

func actions(t testing.TB, s *Service) []string {
	t.Helper()
	actions := []string{}
	for _, e := range log(t, s) {
		require.Equal(t, root.Name, e.ActorName)
		actions = append(actions, e.Action)
	}
	return actions
}

func TestAccountsAreListedWithTheirLogins(t *testing.T) {
	t.Parallel()
	s := serve(t)
	d := NewDirectory(s.pool)
	first, second := register(t, s, anna), register(t, s, "bert@example.org")
	login(t, s, anna)
	gone := login(t, s, anna)
	require.NoError(t, s.Logout(t.Context(), authenticate(t, s, gone).SessionID))
	_, err := s.EnsureAdmin(t.Context(), "bert@example.org", "", root)
	require.NoError(t, err)

	all, err := d.List(t.Context(), Filter{Limit: 10})
	require.NoError(t, err)
	second.Role = RoleAdmin
	require.Equal(t, []Entry{{second, 0}, {first, 1}}, all)
	older, err := d.List(t.Context(), Filter{Limit: 10, Before: second.ID})
	require.NoError(t, err)
	require.Equal(t, []Entry{{first, 1}}, older)
	admins, err := d.List(t.Context(), Filter{Limit: 10, Role: RoleAdmin})
	require.NoError(t, err)
	require.Equal(t, []Entry{{second, 0}}, admins)
	_, err = d.List(t.Context(), Filter{Limit: 10, Role: "king"})
	refused(t, err, fault.Invalid)
}

func TestAnAccountIsFoundByIDOrAddress(t *testing.T) {
	t.Parallel()
	s := serve(t)
	d := NewDirectory(s.pool)
	user := register(t, s, anna)
	for _, by := range []string{user.ID.String(), anna, " ANNA@example.org"} {
		found, err := d.Find(t.Context(), by)
		require.NoError(t, err)
		require.Equal(t, user, found)
	}
	for _, by := range []string{uuid.NewString(), "bert@example.org", "anna", ""} {
		_, err := d.Find(t.Context(), by)
		refused(t, err, fault.NotFound)
	}
}

func TestAnAccountIsPromotedAndDemotedAndTheLogSaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t)
	d := NewDirectory(s.pool)
	user, other := register(t, s, anna), register(t, s, "bert@example.org")
	tokens := login(t, s, anna)
	for range 2 { // the second time changes nothing
		promoted, err := d.Promote(t.Context(), user.ID, root)
		require.NoError(t, err)
		require.Equal(t, RoleAdmin, promoted.Role)
	}
	require.True(t, authenticate(t, s, tokens).IsAdmin())
	_, err := d.Demote(t.Context(), user.ID, root)
	refused(t, err, fault.Conflict)
	_, err = d.Promote(t.Context(), other.ID, root)
	require.NoError(t, err)
	for range 2 {
		demoted, err := d.Demote(t.Context(), user.ID, root)
		require.NoError(t, err)
		require.Equal(t, RoleUser, demoted.Role)
	}
	require.False(t, authenticate(t, s, tokens).IsAdmin(), "the login goes on")
	_, err = d.Demote(t.Context(), uuid.New(), root)
	refused(t, err, fault.NotFound)

	require.Equal(t, []string{"user.demote", "user.promote", "user.promote"}, actions(t, s))
	newest := log(t, s)[0]
	require.Equal(t, user.ID.String(), newest.Target)
	require.JSONEq(t, `{"email": "`+anna+`"}`, string(newest.Detail))
}

func TestOfTheLastAdminsOneStays(t *testing.T) {
	t.Parallel()
	s := serve(t)
	d := NewDirectory(s.pool)
	var admins []User
	for _, email := range []string{anna, "bert@example.org", "cleo@example.org"} {
		user, err := d.Promote(t.Context(), register(t, s, email).ID, root)
		require.NoError(t, err)
		admins = append(admins, user)
	}
	// When all are demoted at once
	var group errgroup.Group
	outcomes := make([]error, len(admins))
	for i, user := range admins {
		group.Go(func() error {
			_, outcomes[i] = d.Demote(t.Context(), user.ID, root)
			return nil
		})
	}
	require.NoError(t, group.Wait())
	// Then one is told that it can't be
	kept := 0
	for _, err := range outcomes {
		if err != nil {
			refused(t, err, fault.Conflict)
			kept++
		}
	}
	require.Equal(t, 1, kept)
	require.Equal(t, 1, count(t, s, "SELECT count(*) FROM users WHERE role = 'admin'"))
}

func TestAllLoginsOfAnAccountEndAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t)
	d := NewDirectory(s.pool)
	user := register(t, s, anna)
	register(t, s, "bert@example.org")
	first, second, others := login(t, s, anna), login(t, s, anna), login(t, s, "bert@example.org")
	n, err := d.RevokeSessions(t.Context(), user.ID, root)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	wantEnded(t, s, first)
	wantEnded(t, s, second)
	authenticate(t, s, others)
	login(t, s, anna) // and may begin anew
	require.JSONEq(t, `{"email": "`+anna+`", "sessions": 2}`, string(log(t, s)[0].Detail))
	_, err = d.RevokeSessions(t.Context(), uuid.New(), root)
	refused(t, err, fault.NotFound)
	require.Equal(t, []string{"user.revoke_sessions"}, actions(t, s))
}

func TestWhatMakesAnAdminIsInTheLog(t *testing.T) {
	t.Parallel()
	s := serve(t)
	for _, again := range []string{password, password, "", "quite another password"} {
		_, err := s.EnsureAdmin(t.Context(), anna, again, root)
		require.NoError(t, err)
	}
	register(t, s, "bert@example.org")
	_, err := s.EnsureAdmin(t.Context(), "bert@example.org", "", root)
	require.NoError(t, err)
	require.Equal(t, []string{"user.promote", "user.set_password", "user.create"}, actions(t, s))
}
