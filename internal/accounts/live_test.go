package accounts

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/db/dbtest"
	"rohrpost/internal/fault"
)

// Who asks while another look is under way shares the next one, which sees what was revoked before it.
func TestSessionsThatAreAskedForAtTheSameTimeAreLookedUpTogether(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	s := serveOn(t, pool)
	const n = 6
	tokens := make([]Tokens, n)
	users := make([]uuid.UUID, n)
	for i := range n {
		users[i] = register(t, s, fmt.Sprintf("user%d@example.org", i)).ID
		tokens[i] = login(t, s, fmt.Sprintf("user%d@example.org", i))
	}
	ended := authenticate(t, s, tokens[3])

	// Given a look that is held up
	holder, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `LOCK TABLE users`)
	require.NoError(t, err)
	identities, errs := make([]Identity, 2*n), make([]error, 2*n)
	var asking sync.WaitGroup
	ask := func(i int) {
		asking.Go(func() { identities[i], errs[i] = s.Authenticate(t.Context(), tokens[i%n].AccessToken) })
	}
	ask(0)
	require.Eventually(t, func() (waits bool) {
		err := pool.QueryRow(t.Context(),
			`SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass)`).Scan(&waits)
		return err == nil && waits
	}, 10*time.Second, 10*time.Millisecond)
	// When more are asked for, one of them is revoked, and the look goes on
	for i := 1; i < 2*n; i++ {
		ask(i)
	}
	require.Eventually(t, func() bool { return s.sessions.Len() == 2*n-1 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, s.Logout(t.Context(), ended.SessionID))
	require.NoError(t, holder.Commit(t.Context()))
	asking.Wait()

	// Then each has its own answer
	for i, err := range errs {
		if i%n == 3 {
			require.Equal(t, fault.Unauthorized, fault.CodeOf(err))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, users[i%n], identities[i].UserID)
	}
}
