package acceptance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/api"
	"rohrpost/internal/datasets"
	"rohrpost/tasks"
)

// conversations puts so many of a user on record, of some 900 bytes each and every tenth with something to be taken out.
func (p *place) conversations(owner uuid.UUID, many int) {
	p.t.Helper()
	_, err := p.connect().Exec(p.t.Context(), `
		INSERT INTO ai_queries (id, owner, job_id, model, prompt, answer, finish_reason, created_at)
		SELECT (lpad(to_hex(1767225600000 + n), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid, $1, gen_random_uuid(),
			'tiny', 'What becomes of letter ' || n || ' in the tube, if I send it on 2026-01-02 at 10:30 for € 3,50?',
			'Letter ' || n || ' goes where the air takes it. ' || repeat('It passes the bend, the switch and the long straight. ', 14)
				|| CASE WHEN n % 10 = 0 THEN 'Write to clerk' || n || '@example.org or call +49 30 ' || 1000000 + n || '.' ELSE '' END,
			'stop', now() - make_interval(secs => n)
		FROM generate_series(1, $2) n`, owner, many)
	require.NoError(p.t, err)
}

func (u user) dataset(id uuid.UUID) (d api.Dataset) {
	u.t.Helper()
	u.get("/api/ai/datasets/" + id.String()).want(http.StatusOK).into(&d)
	return d
}

func (u user) export() (made api.DatasetAccepted) {
	u.t.Helper()
	u.post("/api/ai/datasets", api.DatasetRequest{Format: datasets.Chat, Scope: datasets.Mine}).want(http.StatusAccepted).into(&made)
	return made
}

// Between the last file and the commit, when the most lies about.
func TestAnExportWhoseWorkerIsKilledEndsWithOneSetOfFiles(t *testing.T) {
	t.Parallel()
	p := open(t, nil)
	at := p.api()
	p.scheduler()
	u := join(t, at)
	p.conversations(u.id, 20_000)
	stored := func() (files []string) {
		for _, path := range p.stored() {
			if rel, err := filepath.Rel(p.storage, path); err == nil && strings.HasPrefix(rel, "datasets/") {
				files = append(files, path)
			}
		}
		return files
	}

	// Given an export that has everything but the commit
	held := p.lock("dataset_files IN SHARE MODE")
	first := p.worker()
	made := u.export()
	p.waitFor("dataset_files", 1)
	dead := stored()
	require.Len(t, dead, 3)

	// When its worker is killed, and another one is there
	first.kill()
	require.NoError(t, os.WriteFile(dead[0]+".4711.tmp", nil, 0o600)) // what one leaves that is killed a little earlier
	require.Equal(t, datasets.Building, u.dataset(made.ID).State)
	p.worker()
	held.release()

	// Then it ends with the files that its record names, and no others
	require.Equal(t, 1, p.done(tasks.Export.Name).Crashes)
	d := u.dataset(made.ID)
	require.Equal(t, datasets.Ready, d.State)
	require.EqualValues(t, 20_000, d.Counts.Train+d.Counts.Validation)
	require.EqualValues(t, 2000, d.Counts.Redacted["email"])
	require.Len(t, stored(), 3)
	for _, file := range d.Files {
		require.EqualValues(t, file.Size, len(u.get(file.URL).want(http.StatusOK).body), file.Name)
	}
}
