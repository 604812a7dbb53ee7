package acceptance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/tasks"
)

// mailpit gives the processes a mail server.
func (p *place) mailpit() *devstack.Mailpit {
	p.t.Helper()
	server := stacktest.Mailpit(p.t)
	p.env["SMTP_URL"], p.env["MAIL_FROM"] = server.URL(), "Rohrpost <post@example.org>"
	return server
}

func received(t testing.TB, server *devstack.Mailpit) []devstack.ReceivedMail {
	t.Helper()
	mails, err := server.Received(t.Context())
	require.NoError(t, err)
	return mails
}

func TestEachKindOfBackgroundWorkEndsRightWhenItsWorkerIsKilledInItsMiddle(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	server := p.mailpit()
	at := p.api()
	p.scheduler()
	admin := p.admin(t, at)

	// Given one job of each kind, all of them stopped half-way
	join(t, at)
	held := p.lock("mails", "schedule_ticks")
	first := p.worker()
	admin.post("/api/admin/cleanup", map[string]any{"dry_run": false, "only": []string{tasks.SweepTicks}}).
		want(http.StatusAccepted)
	p.waitFor("mails", 1)
	p.waitFor("schedule_ticks", 1)

	// When the worker is killed, and another one is there
	first.kill()
	p.worker()
	held.release()

	// Then each has ended once and for all
	for _, kind := range []string{tasks.SendMail.Name, tasks.Sweep.Name} {
		require.Equal(t, 1, p.done(kind).Crashes, kind)
	}
	require.Len(t, received(t, server), 1)
}

// A mail is noted as sent right after the server has taken it. Only of a worker that dies between the two it arrives
// twice, with the same Message-ID, by which servers and readers know it again.
func TestAMailThatTheServerTookFromADyingWorkerIsKnownByItsMessageID(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	server := p.mailpit()
	at := p.api()
	p.scheduler()
	join(t, at)

	held := p.lock("mails IN SHARE MODE") // it can be read and sent, but not noted
	first := p.worker()
	p.waitFor("mails", 1)
	require.Len(t, received(t, server), 1)
	first.kill()
	p.worker()
	held.release()

	require.Equal(t, 1, p.done(tasks.SendMail.Name).Crashes)
	mails := received(t, server)
	require.Len(t, mails, 2)
	require.Equal(t, mails[0].MessageID, mails[1].MessageID)
}
