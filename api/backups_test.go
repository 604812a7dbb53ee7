package api_test

import (
	"net/http"
	"testing"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/backup"
	"rohrpost/internal/blob"
)

const backups = "/api/admin/backups"

func TestWithoutAPlaceForBackupsNoneIsMade(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	root := s.admin()
	p := s.send(get(backups).via("POST").by(&root)).problem(503, "backup_not_configured")
	require.Contains(t, p.Detail, "BACKUP_URL")
	s.send(get(backups+"/"+uuid.NewString()+"/verify").via("POST").by(&root)).problem(503, "backup_not_configured")
	s.send(get(backups+"/"+uuid.NewString()).via("DELETE").by(&root)).problem(503, "backup_not_configured")
	var page api.BackupPage
	s.send(get(backups).by(&root)).want(http.StatusOK).into(&page)
	require.Empty(t, page.Items)
	require.Zero(t, s.count("SELECT count(*) FROM jobs"))
}

// withBackups is a site whose backups have a place.
func withBackups(t *testing.T) *site {
	t.Helper()
	h := newHouse(t)
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	url, err := blob.FileURL(t.TempDir())
	require.NoError(t, err)
	h.backup = backup.Config{URL: url, Recipients: key.Recipient().String()}
	return h.open(api.Config{})
}

func TestAnAdminLooksAfterTheBackups(t *testing.T) {
	t.Parallel()
	s := withBackups(t)
	root := s.admin()
	// When one is asked for twice under one key
	var first, again api.BackupAccepted
	ask := get(backups).via("POST").by(&root).with("Idempotency-Key", "k")
	made := s.send(ask).want(http.StatusAccepted)
	made.into(&first)
	s.send(ask).want(http.StatusAccepted).into(&again)
	// Then one is made, whose job is the admin's
	require.Equal(t, first, again)
	require.Equal(t, "/api/jobs/"+first.JobID.String(), made.header.Get("Location"))
	require.Equal(t, "backup:run", s.job(root, first.JobID).Kind)
	one := func(id uuid.UUID) (b api.Backup) {
		s.send(get(backups + "/" + id.String()).by(&root)).want(http.StatusOK).into(&b)
		return b
	}
	require.Equal(t, api.BackupQueued, one(first.ID).State)
	s.send(get(backups+"/"+first.ID.String()+"/verify").via("POST").by(&root)).problem(409, "conflict")
	s.send(get(backups+"/"+first.ID.String()).via("DELETE").by(&root)).problem(409, "conflict")

	// Given some that have succeeded
	ids := []uuid.UUID{first.ID}
	for len(ids) < 4 {
		var next api.BackupAccepted
		s.send(get(backups).via("POST").by(&root)).want(http.StatusAccepted).into(&next)
		ids = append(ids, next.ID)
	}
	s.exec(`UPDATE backups SET state = 'succeeded', taken_at = created_at, summary = '{"rows": 7, "recipients": ["age1"]}'`)
	require.EqualValues(t, 7, one(ids[0]).Summary.Rows)
	var job api.JobAccepted
	s.send(get(backups + "/" + ids[3].String() + "/verify").via("POST").by(&root)).want(http.StatusAccepted).into(&job)
	require.Equal(t, "backup:verify", s.job(root, job.JobID).Kind)
	// Then the newest three stay
	s.send(get(backups+"/"+ids[1].String()).via("DELETE").by(&root)).problem(409, "conflict")
	s.send(get(backups + "/" + ids[0].String()).via("DELETE").by(&root)).want(http.StatusNoContent)
	s.send(get(backups+"/"+ids[0].String()).by(&root)).problem(404, "not_found")
	var page api.BackupPage
	s.send(get(backups + "?limit=2").by(&root)).want(http.StatusOK).into(&page)
	require.Equal(t, ids[3], page.Items[0].ID)
	require.Equal(t, ids[2], *page.Next)
	s.send(get(backups + "?before=" + page.Next.String()).by(&root)).want(http.StatusOK).into(&page)
	require.Len(t, page.Items, 1)
	s.send(get(backups + "?state=deleted").by(&root)).want(http.StatusOK).into(&page)
	require.Equal(t, ids[0], page.Items[0].ID)
	require.Equal(t, 6, s.count(`SELECT count(*) FROM audit_entries WHERE actor = $1 AND action LIKE 'backup.%'`, userID(s, root)))
}

func userID(s *site, u user) (id uuid.UUID) {
	s.t.Helper()
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), "SELECT id FROM users WHERE email = $1", u.email).Scan(&id))
	return id
}

func TestBadRequestsForBackupsChangeNothing(t *testing.T) {
	t.Parallel()
	s := withBackups(t)
	root := s.admin()
	unknown := backups + "/" + uuid.Must(uuid.NewV7()).String()
	for _, c := range []bad{
		{"malformed id", get(backups + "/17").by(&root), 400, "invalid", "id"},
		{"unknown", get(unknown).by(&root), 404, "not_found", ""},
		{"verify an unknown one", get(unknown + "/verify").via("POST").by(&root), 404, "not_found", ""},
		{"delete an unknown one", get(unknown).via("DELETE").by(&root), 404, "not_found", ""},
		{"limit", get(backups + "?limit=0").by(&root), 400, "invalid", "limit"},
		{"cursor", get(backups + "?before=x").by(&root), 400, "invalid", "before"},
		{"state", get(backups + "?state=lazy").by(&root), 400, "invalid", "state"},
		{"key", get(backups).via("POST").by(&root).with("Idempotency-Key", "a b"), 400, "invalid", "Idempotency-Key"},
		{"no login", get(backups), 401, "unauthorized", ""},
	} {
		p := s.send(c.sent).problem(c.status, c.code)
		require.Contains(t, p.Detail, c.says, c.name)
	}
	for _, table := range []string{"jobs", "backups", "idempotency_keys", "audit_entries WHERE action <> 'user.create'"} {
		require.Zero(t, s.count("SELECT count(*) FROM "+table), table)
	}
}
