package backup_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/audit"
	"rohrpost/internal/backup"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func TestSettingsThatCannotBeAreNamedAndNotQuoted(t *testing.T) {
	t.Parallel()
	_, key := newKey(t)
	hybrid, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	secret, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	minus := -1
	for name, c := range map[string]struct {
		cfg  backup.Config
		says string
	}{
		"no recipients":        {backup.Config{URL: "file:///b"}, "BACKUP_RECIPIENTS is not set"},
		"no place":             {backup.Config{Recipients: key}, "BACKUP_URL is not set"},
		"no key":               {backup.Config{URL: "file:///b", Recipients: "age1x"}, `BACKUP_RECIPIENTS: "age1x"`},
		"a comma":              {backup.Config{URL: "file:///b", Recipients: " , "}, "BACKUP_RECIPIENTS names no key"},
		"a private key":        {backup.Config{URL: "file:///b", Recipients: secret.String()}, "private key"},
		"keys that don't mix":  {backup.Config{URL: "file:///b", Recipients: key + "," + hybrid.Recipient().String()}, "mixes"},
		"inside the content":   {backup.Config{URL: "file:///content/b", Recipients: key}, "place of their own"},
		"around the content":   {backup.Config{URL: "file:///", Recipients: key}, "place of their own"},
		"other storage":        {backup.Config{URL: "tape://robot", Recipients: key}, "open BACKUP_URL"},
		"less than none":       {backup.Config{KeepWeekly: &minus}, "BACKUP_KEEP_WEEKLY is -1"},
		"no identity file":     {backup.Config{IdentityFile: "/nowhere"}, "BACKUP_IDENTITY_FILE: there is no file"},
		"no scratch database":  {backup.Config{ScratchURL: "postgres://u:hush@:x"}, "BACKUP_SCRATCH_URL"},
		"unreadable parameter": {backup.Config{URL: "file:///b?color=blue", Recipients: key}, "color"},
	} {
		_, err := backup.New(t.Context(), backup.Deps{ContentURL: "file:///content", Log: slog.New(slog.DiscardHandler)}, c.cfg)
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "hush", name)
		require.NotContains(t, err.Error(), secret.String(), name)
	}
}

func TestOtherRecipientsGetAllContentAnewAlsoWithPostQuantumKeys(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	h.backUp()
	key, err := age.GenerateHybridIdentity()
	require.NoError(t, err)
	h.cfg.Recipients = key.Recipient().String()
	require.NoError(t, os.WriteFile(h.key, []byte(key.String()), 0o600))
	h.renewed()
	sum := h.summary(h.backUp())
	require.EqualValues(t, 5, sum.NewBlobs)
	_, err = h.restore(backup.Restore{To: dbtest.Empty(t), Content: fileURL(t, t.TempDir())})
	require.NoError(t, err)
}

func TestWhereBackupsAreNotConfiguredNoneIsAskedForAndNoScheduleStartsOne(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	s, err := backup.New(t.Context(), backup.Deps{Pool: pool, Log: slog.New(slog.DiscardHandler)}, backup.Config{})
	require.NoError(t, err)
	require.False(t, s.Configured())
	require.NoError(t, db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, _, err := s.Start(t.Context(), tx, audit.CommandLine())
		require.Equal(t, backup.NotConfigured, fault.CodeOf(err))
		require.ErrorContains(t, err, "BACKUP_URL")
		return nil
	}))
	for _, kind := range (backup.Config{}).Kinds(tasks.Schedulable()) {
		require.False(t, strings.HasPrefix(kind.Name, "backup:"), kind.Name)
	}
	_, err = s.Run(context.Background(), &queue.Job[tasks.BackupRunArgs]{})
	require.Equal(t, backup.NotConfigured, fault.CodeOf(err))
	require.NoError(t, s.Close())
}

func TestTheKeyOfAPrivateStackIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key.txt")
	first, err := backup.EnsureKey(path)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(first, "age1"))
	again, err := backup.EnsureKey(path)
	require.NoError(t, err)
	require.Equal(t, first, again)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	require.NoError(t, os.WriteFile(path, []byte("rubbish"), 0o600))
	_, err = backup.EnsureKey(path)
	require.ErrorContains(t, err, "holds no age keys")
}
