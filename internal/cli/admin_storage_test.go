package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/backup"
	"rohrpost/internal/blob"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/queue"
	"rohrpost/worker"
)

func TestABackupIsMadeProvenAndListed(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	// Given a storage for backups, and a key
	url, err := blob.FileURL(filepath.Join(t.TempDir(), "backups"))
	require.NoError(t, err)
	recipient, err := backup.EnsureKey(filepath.Join(t.TempDir(), "key.txt"))
	require.NoError(t, err)
	d.env["BACKUP_URL"], d.env["BACKUP_RECIPIENTS"] = url, recipient
	d.workOn(func(mux *queue.Mux, h house) { worker.Backup(mux, h.backup) })
	// When one is made and looked at again
	made := d.admin("backups", "run").want(terminal.OK)
	require.Contains(t, made.out, `"backup_id"`)
	rows := d.admin("backups", "list").want(terminal.OK).cells()
	require.Len(t, rows, 1)
	require.Equal(t, "succeeded", rows[0][1])
	id := rows[0][0]
	d.admin("backups", "verify", id).want(terminal.OK)
	// Then it is shown, and the newest ones can't be deleted
	var shown map[string]any
	d.admin("backups", "show", id, "--json").want(terminal.OK).into(&shown)
	require.Equal(t, "succeeded", shown["state"])
	require.NotEmpty(t, shown["verified_at"])
	require.NotZero(t, shown["summary"].(map[string]any)["tables"])
	require.Contains(t, d.admin("backups", "show", id).want(terminal.OK).out, "verified")
	kept := d.at(t.Context(), &terminal.Screen{In: strings.NewReader("y\n"), Asks: true}, "backups", "delete", id).want(terminal.Failure)
	require.Contains(t, kept.beside, "The backup "+id+" can't be restored any more. Go on?")
	items, _ := d.admin("backups", "list", "--state", "succeeded", "--json").list()
	require.Len(t, items, 1)
	require.Equal(t, []string{"backup.verify " + id, "backup.start " + id}, d.logged())
}

func TestAReportIsBuiltForAnAdministrator(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.account("ada@example.org", "admin")
	d.account("bob@example.org", "user")
	d.workOn(func(mux *queue.Mux, h house) { worker.Reports(mux, h.reports) })
	d.admin("reports", "build", "--for", "bob@example.org", "--from", "2026-01-01", "--to", "2026-01-08").want(terminal.Failure)
	d.admin("reports", "build", "--for", "ada@example.org", "--from", "2026-01-01", "--to", "2026-01-08", "--format", "json").
		want(terminal.OK)
	rows := d.admin("reports", "list", "--for", "ada@example.org").want(terminal.OK).cells()
	require.Len(t, rows, 1)
	items, _ := d.admin("reports", "list", "--for", "ada@example.org", "--json").list()
	require.Equal(t, "everyone", items[0]["scope"])
	require.Len(t, items[0]["files"], 1)
	require.Equal(t, []string{"report.build " + rows[0][0]}, d.logged())
}

func TestTheQuarantineIsLookedAfterAtTheConsole(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ada, file := d.account("ada@example.org", "user"), uuid.Must(uuid.NewV7())
	d.exec(`INSERT INTO files (id, owner, name, size, media_type, sha256, blob_key, status, verdict, signature, job_id, scanned_at)
		VALUES ($1, $2, 'evil' || chr(27) || '[2J.exe', 68, 'text/plain', '\x00', 'quarantine/x', 'quarantined', 'infected', 'Eicar',
		gen_random_uuid(), now())`, file, ada)
	rows := d.admin("quarantine", "list", "--owner", "ada@example.org", "--signature", "Eicar").want(terminal.OK).cells()
	require.Equal(t, []string{file.String(), "quarantined", "Eicar", `evil\x1b[2J.exe`, "68", "B", "ada@example.org"}, rows[0][:7])
	var shown map[string]any
	d.admin("quarantine", "show", file.String(), "--json").want(terminal.OK).into(&shown)
	require.Equal(t, "infected", shown["verdict"])
	require.Contains(t, d.admin("quarantine", "show", file.String()).want(terminal.OK).out, `evil\x1b[2J.exe`)
	released := d.admin("quarantine", "release", file.String(), "--reason", "It is a test.", "--yes", "--no-wait").want(terminal.OK)
	_, err := uuid.Parse(strings.TrimSpace(released.out))
	require.NoError(t, err)
	d.admin("jobs", "cancel", strings.TrimSpace(released.out)).want(terminal.OK)
	d.admin("quarantine", "rescan", "--dry-run", "--no-wait").want(terminal.OK)
	gone := d.at(t.Context(), &terminal.Screen{In: strings.NewReader("y\n"), Asks: true},
		"quarantine", "delete", file.String(), "--reason", "It is one.").want(terminal.OK)
	require.Contains(t, gone.beside, "is deleted for good, and its owner is told. Go on?")
	require.Equal(t, "There are none.\n", d.admin("quarantine", "list").want(terminal.OK).beside)
	require.NotEmpty(t, d.logged())
}
