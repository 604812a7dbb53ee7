package api_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
)

// found makes an upload one in which something was found; nothing scans in these tests.
func (s *site) found(u user, name, signature string) uuid.UUID {
	s.t.Helper()
	var up api.UploadAccepted
	s.upload(u, name, "content of "+name).want(http.StatusAccepted).into(&up)
	s.exec(`UPDATE files SET status = 'quarantined', verdict = 'infected', signature = $2, scanned_at = now(),
		checked_with = 'ClamAV 1.4.3/27500/today' WHERE id = $1`, up.ID, signature)
	s.exec(`INSERT INTO file_events (id, file_id, event, status, verdict, signature) VALUES
		(gen_random_uuid(), $1, 'scan', 'quarantined', 'infected', $2)`, up.ID, signature)
	return up.ID
}

func TestAnAdminLooksIntoTheQuarantineAndNobodyAtTheContent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root, ada := s.admin(), s.user()
	first, second := s.found(ada, "first.exe", "Worm.A"), s.found(ada, "second.exe", "Worm.B")
	var clean api.UploadAccepted
	s.upload(ada, "clean.txt", "hello").into(&clean)
	list := func(query string) (page api.QuarantinePage) {
		s.send(get("/api/admin/quarantine?" + query).by(&root)).want(http.StatusOK).into(&page)
		return page
	}
	page := list("limit=1")
	require.Len(t, page.Items, 1)
	require.Equal(t, second, page.Items[0].ID)
	page = list("before=" + page.Next.String())
	require.Equal(t, first, page.Items[0].ID)
	require.Nil(t, page.Next)
	require.Equal(t, first, list("signature=Worm.A&status=quarantined&owner=" + page.Items[0].Owner.ID.String()).Items[0].ID)
	require.Empty(t, list("status=refused").Items)

	var file api.QuarantinedFile
	s.send(get("/api/admin/quarantine/" + first.String()).by(&root)).want(http.StatusOK).into(&file)
	require.Equal(t, []string{"first.exe", "infected", "Worm.A", "ClamAV 1.4.3/27500/today", ada.email},
		[]string{file.Name, *file.Verdict, *file.Signature, *file.CheckedWith, file.Owner.Email})
	require.Len(t, *file.History, 1)
	s.send(get("/api/admin/quarantine/"+clean.ID.String()).by(&root)).problem(404, "not_found")
	for _, who := range []user{root, ada} {
		a := s.send(get("/api/files/" + first.String() + "/content").by(&who))
		require.NotEqual(t, http.StatusOK, a.status)
		require.NotContains(t, string(a.body), "content of first")
	}
}

func TestAnAdminReleasesRescansAndDeletes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root, ada := s.admin(), s.user()
	id := s.found(ada, "first.exe", "Worm.A")
	at := "/api/admin/quarantine/" + id.String()
	var job, again api.JobAccepted
	release := send(at+"/release", `{"reason":"it is ours"}`).by(&root).with("Idempotency-Key", "one")
	s.send(release).want(http.StatusAccepted).into(&job)
	require.Equal(t, "file:release", s.job(root, job.JobID).Kind)
	s.send(release).want(http.StatusAccepted).into(&again)
	require.Equal(t, job, again)
	other := s.found(ada, "other.exe", "Worm.A")
	elsewhere := release
	elsewhere.path = "/api/admin/quarantine/" + other.String() + "/release"
	s.send(elsewhere).problem(422, "idempotency_mismatch")

	s.send(get(at + "/rescan").via("POST").by(&root)).want(http.StatusAccepted).into(&job)
	require.Equal(t, "file:rescan", s.job(root, job.JobID).Kind)
	s.send(send("/api/admin/quarantine/rescan", `{"dry_run":true,"all":true,"only":["clean"]}`).by(&root)).
		want(http.StatusAccepted).into(&job)
	require.Equal(t, 1, s.count(`SELECT count(*) FROM jobs WHERE id = $1
		AND args = '{"dry_run": true, "all": true, "only": ["clean"]}'`, job.JobID))

	s.send(get(at + "?reason=a%20real%20one").via("DELETE").by(&root)).want(http.StatusNoContent)
	s.send(get(at).via("DELETE").by(&root)).problem(404, "not_found")
	require.Equal(t, []string{"quarantine.delete", "quarantine.rescan", "quarantine.release"},
		s.audited(root, "target="+id.String()))
	s.exec(`UPDATE files SET status = 'clean', released_at = now() WHERE id = $1`, other)
	s.send(get("/api/admin/quarantine/"+other.String()).via("DELETE").by(&root)).problem(409, "conflict")
	var file api.File
	s.send(get("/api/files/" + other.String()).by(&ada)).want(http.StatusOK).into(&file)
	require.NotNil(t, file.ReleasedAt)
}
