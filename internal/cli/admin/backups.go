package admin

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"rohrpost/api"
	"rohrpost/internal/backup"
	"rohrpost/internal/cli/terminal"
)

func (c *console) backupsCommand() *cobra.Command {
	return group("backups", "Look after the backups; `rohrpost restore` restores them",
		c.listBackups(), c.showBackup(), c.runBackup(), c.verifyBackup(), c.deleteBackup())
}

func (c *console) listBackups() *cobra.Command {
	var state string
	return list[api.Backup]{
		about: about{use: "list", short: "List the backups, the newest first", needs: Whole},
		flags: func(cmd *cobra.Command) {
			cmd.Flags().StringVar(&state, "state", "", "only backups in this state, such as succeeded")
		},
		page: func(ctx context.Context, h House, _ []string, p page) ([]api.Backup, error) {
			before, err := p.id()
			if err != nil {
				return nil, err
			}
			if state != "" && !api.BackupState(state).Valid() {
				return nil, terminal.Misused("--state is %q, which is none of a backup's states.", state)
			}
			found, err := h.Backups.List(ctx, backup.Filter{State: some(state), Before: before, Limit: p.limit})
			backups := make([]api.Backup, len(found))
			for i, b := range found {
				if backups[i], err = api.ShownBackup(b); err != nil {
					return nil, err
				}
			}
			return backups, err
		},
		cursor: func(b api.Backup) string { return b.ID.String() },
		columns: []terminal.Column[api.Backup]{
			{Title: "id", Text: func(b api.Backup) string { return b.ID.String() }},
			{Title: "state", Text: func(b api.Backup) string { return string(b.State) }},
			{Title: "taken", Text: func(b api.Backup) string { return c.screen.WhenOr(b.TakenAt, "-") }},
			{Title: "rows", Text: func(b api.Backup) string {
				return ofBackup(b, func(s api.BackupSummary) any { return s.Rows })
			}, Right: true},
			{Title: "contents", Text: contentsOf, Right: true},
			{Title: "restored in", Text: func(b api.Backup) string { return seconds(b.RestoreSeconds) }, Right: true},
			{Title: "verified", Text: func(b api.Backup) string { return c.screen.WhenOr(b.VerifiedAt, "-") }},
			{Title: "reason", Text: func(b api.Backup) string { return value(b.Reason) }, Flex: true},
		},
	}.command(c)
}

// ofBackup is something of a backup that has come so far.
func ofBackup(b api.Backup, get func(api.BackupSummary) any) string {
	if b.Summary == nil {
		return ""
	}
	return fmt.Sprint(get(*b.Summary))
}

func contentsOf(b api.Backup) string {
	return ofBackup(b, func(s api.BackupSummary) any { return fmt.Sprintf("%d (%s)", s.Blobs, terminal.Size(s.BlobBytes)) })
}

func (c *console) showBackup() *cobra.Command {
	return action[api.Backup]{
		about: about{use: "show ID", short: "Show a backup", args: cobra.ExactArgs(1), needs: Whole},
		do: func(ctx context.Context, h House, args []string) (api.Backup, error) {
			id, err := idOf(args[0])
			if err != nil {
				return api.Backup{}, err
			}
			found, err := h.Backups.Get(ctx, id)
			if err != nil {
				return api.Backup{}, err
			}
			return api.ShownBackup(found)
		},
		show: func(b api.Backup) {
			c.screen.Fields(
				terminal.Field{Title: "id", Value: b.ID.String()},
				terminal.Field{Title: "job", Value: idText(b.JobID)},
				terminal.Field{Title: "state", Value: string(b.State)},
				terminal.Field{Title: "reason", Value: value(b.Reason)},
				terminal.Field{Title: "taken", Value: c.screen.WhenOr(b.TakenAt, "")},
				terminal.Field{Title: "finished", Value: c.screen.WhenOr(b.FinishedAt, "")},
				terminal.Field{Title: "tables", Value: ofBackup(b, func(s api.BackupSummary) any { return s.Tables })},
				terminal.Field{Title: "rows", Value: ofBackup(b, func(s api.BackupSummary) any { return s.Rows })},
				terminal.Field{Title: "database", Value: ofBackup(b, func(s api.BackupSummary) any { return terminal.Size(s.DatabaseBytes) })},
				terminal.Field{Title: "contents", Value: contentsOf(b)},
				terminal.Field{Title: "missing", Value: ofBackup(b, func(s api.BackupSummary) any { return s.MissingBlobs })},
				terminal.Field{Title: "restored in", Value: seconds(b.RestoreSeconds)},
				terminal.Field{Title: "verified", Value: c.screen.WhenOr(b.VerifiedAt, "")},
				terminal.Field{Title: "verified by", Value: value(b.VerifiedBy)},
			)
		},
	}.command(c)
}

func (c *console) runBackup() *cobra.Command {
	return start{
		about: about{use: "run", short: "Make a backup now, and prove that it can be restored", needs: Whole},
		start: func(ctx context.Context, h House, _ []string) (uuid.UUID, error) {
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				_, job, err := h.Backups.Start(ctx, tx, c.by)
				return job.ID, err
			})
		},
	}.command(c)
}

func (c *console) verifyBackup() *cobra.Command {
	return start{
		about: about{use: "verify ID", short: "Read a backup back from its storage", args: cobra.ExactArgs(1), needs: Whole},
		start: func(ctx context.Context, h House, args []string) (uuid.UUID, error) {
			id, err := idOf(args[0])
			if err != nil {
				return id, err
			}
			return inTx(ctx, h, func(tx pgx.Tx) (uuid.UUID, error) {
				job, err := h.Backups.StartVerify(ctx, tx, id, c.by)
				return job.ID, err
			})
		},
	}.command(c)
}

func (c *console) deleteBackup() *cobra.Command {
	return action[deleted]{
		about: about{
			use: "delete ID", short: "Delete a backup", args: cobra.ExactArgs(1), needs: Whole,
			ask: func(args []string) string { return fmt.Sprintf("The backup %s can't be restored any more.", args[0]) },
		},
		do: func(ctx context.Context, h House, args []string) (deleted, error) {
			id, err := idOf(args[0])
			if err != nil {
				return deleted{}, err
			}
			return inTx(ctx, h, func(tx pgx.Tx) (deleted, error) { return deleted{args[0]}, h.Backups.Delete(ctx, tx, id, c.by) })
		},
		show: func(d deleted) { c.screen.Say("The backup %s is gone.", d.Deleted) },
	}.command(c)
}

// stages are in words what is going on.
var stages = map[string]string{
	backup.StageCount: "counting the rows", backup.StageDump: "dumping the database", backup.StageScan: "looking for content",
	backup.StageContent: "copying the content", backup.StageManifest: "writing the manifest",
	backup.StageCheck: "checking the storage", backup.StageRestore: "restoring the database",
	backup.StageCompare: "comparing what was restored",
}

// BackupReading is how far a backup is, a verification or a restore.
func BackupReading(now backup.Progress) terminal.Reading {
	r := terminal.Reading{Done: now.Done, Total: now.Total, Text: stages[now.Stage]}
	if r.Text == "" {
		r.Text = now.Stage
	}
	if now.Done == 0 {
		r.Done, r.Bytes = now.Bytes, true
	}
	return r
}

func backupReading(_, progress json.RawMessage) terminal.Reading {
	var now backup.Progress
	if err := json.Unmarshal(progress, &now); err != nil {
		return anyReading(progress)
	}
	return BackupReading(now)
}
