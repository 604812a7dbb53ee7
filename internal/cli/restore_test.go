package cli

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/backup"
	"rohrpost/internal/blob"
	"rohrpost/internal/config"
)

func restore(t *testing.T, env config.Env, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := shell{env: env, screen: screenOn(&out), log: slog.New(slog.DiscardHandler)}.root()
	root.SetArgs(append([]string{"restore"}, args...))
	root.SetErr(&bytes.Buffer{})
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestWhatIsToBeRestoredHasToBeSaid(t *testing.T) {
	t.Parallel()
	url, err := blob.FileURL(t.TempDir())
	require.NoError(t, err)
	env := config.Env{"BACKUP_URL": url}
	for says, args := range map[string][]string{
		"which backup?":        {},
		"--to is needed":       {"latest"},
		"--list takes no ID":   {"latest", "--list"},
		"is not the id":        {"17", "--to", "postgres://127.0.0.1/x"},
		"There is no backup":   {"latest", "--to", "postgres://127.0.0.1/x"},
		"unknown flag: --from": {"latest", "--from", "x"},
	} {
		_, err := restore(t, env, args...)
		require.ErrorContains(t, err, says)
	}
	_, err = restore(t, config.Env{}, "--list")
	require.ErrorContains(t, err, "BACKUP_URL is not set")
	said, err := restore(t, env, "--list")
	require.NoError(t, err)
	require.Contains(t, said, "RESTORED IN")
	said, err = restore(t, env, "--list", "--json")
	require.NoError(t, err)
	require.JSONEq(t, "[]", said)
}

func TestTheOutcomeOfARestoreSaysWhatIsNext(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := shell{screen: screenOn(&out), log: slog.New(slog.DiscardHandler)}
	done := backup.Restored{Tables: 3, Rows: 7, Blobs: 2, Older: true}
	require.NoError(t, s.restored(done, backup.Restore{Content: "file:///b"}))
	require.Contains(t, out.String(), "3 tables with 7 rows")
	require.Contains(t, out.String(), "rohrpost migrate, since the backup is of an older version")
	out.Reset()
	require.NoError(t, s.restored(done, backup.Restore{Backup: backup.Summary{Blobs: 9}}))
	require.Contains(t, out.String(), "Its 9 contents are not: --blobs")
	out.Reset()
	s.screen.JSON = true
	require.NoError(t, s.restored(done, backup.Restore{}))
	require.True(t, json.Valid(out.Bytes()))
}
