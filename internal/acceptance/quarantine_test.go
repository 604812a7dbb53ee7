package acceptance

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack"
	"rohrpost/tasks"
)

func TestTheQuarantineIsRightWhenAWorkerIsKilledInItsMiddle(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	at := p.api()
	p.scheduler()
	admin, owner := p.admin(t, at), join(t, at)
	first := p.worker()
	infected, unseen := owner.uploaded("eicar.txt", devstack.EICAR()), owner.uploaded("a.txt", []byte("hello"))
	owner.ended(infected.JobID)
	owner.ended(unseen.JobID)
	_, err := p.connect().Exec(t.Context(), `UPDATE files SET status = 'failed', checked_with = 'older' WHERE id = $1`, unseen.ID)
	require.NoError(t, err)

	// Given a release and a rescan that have moved and scanned, and are not on record
	held := p.lock("file_events IN SHARE MODE") // it can be read, and nothing be noted
	admin.post("/api/admin/quarantine/"+infected.ID.String()+"/release", map[string]string{"reason": "it is ours"}).
		want(http.StatusAccepted)
	admin.post("/api/admin/quarantine/rescan", map[string]any{"dry_run": false, "only": []string{"failed"}}).
		want(http.StatusAccepted)
	p.waitFor("file_events", 2)
	content := "/api/files/" + infected.ID.String() + "/content"
	owner.get(content).problem(http.StatusConflict, "file_not_clean")

	// When the worker is killed, and another one is there
	first.kill()
	p.worker()
	held.release()

	// Then each has ended once and for all, and nothing is left of the first try
	for _, kind := range []string{tasks.Release.Name, tasks.Rescan.Name} {
		require.Equal(t, 1, p.done(kind).Crashes, kind)
	}
	require.Equal(t, devstack.EICAR(), owner.get(content).want(http.StatusOK).body)
	require.Equal(t, "clean", owner.file(unseen.ID).Status)
	eventually(t, func() bool { return len(p.stored()) == 2 }, "%v", p.stored())
}
