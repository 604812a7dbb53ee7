package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"rohrpost/internal/backup"
	"rohrpost/internal/cli/admin"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/fault"
)

func (s shell) restoreCommand() *cobra.Command {
	var list bool
	var what backup.Restore
	cmd := &cobra.Command{
		Use:   "restore ID --to URL",
		Short: "Restore a backup of BACKUP_URL into an empty database, and its content",
		Long: "Restore a backup of BACKUP_URL into a database that is there and empty, and its content into a storage. ID is one\n" +
			"that --list shows, or latest. Only the storage of the backups and the private key are needed. The database changes\n" +
			"in one transaction, at the end; a restore that broke off can be repeated. Stop api, worker and scheduler before.",
		Example: "  rohrpost restore --list\n" +
			"  rohrpost restore latest --to postgres://rohrpost@127.0.0.1/rohrpost --blobs file:///var/lib/rohrpost/blobs \\\n" +
			"    --identity key.txt      # with the database's password in PGPASSWORD",
		Args: cobra.MaximumNArgs(1),
	}
	flags := cmd.Flags()
	flags.BoolVar(&list, "list", false, "show the backups that there are, and restore nothing")
	flags.StringVar(&what.To, "to", "", "address of the database to restore into")
	flags.StringVar(&what.Content, "blobs", "", "URL of the storage for the content, as BLOB_URL (default: the database alone)")
	flags.StringVar(&what.Identity, "identity", "", "file with the private key (default: BACKUP_IDENTITY_FILE)")
	flags.BoolVar(&what.Force, "force", false, "drop all that the database holds")
	flags.BoolVar(&s.screen.JSON, "json", false, "print JSON, errors too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkRestore(list, args, what); err != nil {
			return err
		}
		var cfg backup.Config
		if err := s.load([]string{"BACKUP_URL"}, &cfg); err != nil {
			return err
		}
		if what.Identity == "" {
			what.Identity = cfg.IdentityFile
		}
		vault, err := backup.OpenVault(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		defer vault.Close() //nolint:errcheck // only read
		if list {
			return s.listBackups(cmd, vault)
		}
		if what.Backup, err = vault.Find(cmd.Context(), args[0]); err != nil {
			return err
		}
		gauge := s.screen.Gauge()
		done, err := vault.Restore(cmd.Context(), what, func(now backup.Progress) error {
			gauge.Show(admin.BackupReading(now))
			return nil
		})
		gauge.Close()
		if err != nil {
			return err
		}
		return s.restored(done, what)
	}
	return cmd
}

func checkRestore(list bool, args []string, what backup.Restore) error {
	switch {
	case list && len(args) > 0:
		return fault.New(fault.Invalid, "--list takes no ID")
	case !list && len(args) == 0:
		return fault.New(fault.Invalid, "which backup? Name one that --list shows, or latest")
	case !list && what.To == "":
		return fault.New(fault.Invalid, "--to is needed: the address of the database to restore into")
	}
	return nil
}

func (s shell) listBackups(cmd *cobra.Command, vault *backup.Vault) error {
	list, strange, err := vault.List(cmd.Context())
	if err != nil {
		return err
	}
	if strange != nil {
		s.log.Warn("not all backups can be read", "err", strange)
	}
	if s.screen.JSON {
		if list == nil {
			list = []backup.Summary{}
		}
		return s.screen.Document(list)
	}
	terminal.Table(s.screen, []terminal.Column[backup.Summary]{
		{Title: "ID", Text: func(b backup.Summary) string { return b.ID.String() }},
		{Title: "TAKEN", Text: func(b backup.Summary) string { return s.screen.When(b.TakenAt) }},
		{Title: "ROWS", Text: func(b backup.Summary) string { return fmt.Sprint(b.Rows) }},
		{Title: "CONTENTS", Text: func(b backup.Summary) string {
			return fmt.Sprintf("%d (%s)", b.Blobs, terminal.Size(b.BlobBytes))
		}},
		{Title: "DUMP", Text: func(b backup.Summary) string { return terminal.Size(b.Database.Size) }},
		{Title: "RESTORED IN", Text: func(b backup.Summary) string { return seconds(b.RestoreSeconds) }},
	}, list)
	return nil
}

func (s shell) restored(done backup.Restored, what backup.Restore) error {
	if done.Warning != "" {
		s.log.Warn(done.Warning)
	}
	if s.screen.JSON {
		return s.screen.Document(done)
	}
	fmt.Fprintf(s.screen.Out, "Backup %s is restored, as of %s: %d tables with %d rows, in %s.\n", done.BackupID,
		done.TakenAt.Format(time.RFC3339), done.Tables, done.Rows, seconds(done.Seconds))
	if what.Content == "" {
		fmt.Fprintf(s.screen.Out, "Its %d contents are not: --blobs says where to.\n", what.Backup.Blobs)
	} else {
		fmt.Fprintf(s.screen.Out, "%d contents are in their place; %d of them were there before.\n", done.Blobs, done.BlobsThere)
	}
	fmt.Fprint(s.screen.Out, "What now:\n"+
		"  1. Point DATABASE_URL and BLOB_URL to what was restored.\n"+
		"  2. rohrpost migrate"+map[bool]string{true: ", since the backup is of an older version."}[done.Older]+"\n"+
		"  3. Start api, worker and scheduler. Redis may be empty: nothing is lost. Jobs that were unfinished at the\n"+
		"     backup's time start again, also those that have run since then.\n"+
		"  4. Users log in again whose session is newer than the backup.\n")
	return nil
}

func seconds(s float64) string { return (time.Duration(s*1000) * time.Millisecond).String() }
