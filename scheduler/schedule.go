package scheduler

import (
	"rohrpost/internal/schedule"
	"rohrpost/tasks"
)

// builtin says when what starts by itself. An admin may change or pause each; a name never changes its meaning.
var builtin = []schedule.Spec{
	// At night in most of the places that deploy this, and not at a full hour, when everybody's does.
	{Name: "sweep", Cron: "40 2 * * *", Zone: "UTC", Kind: tasks.Sweep.Name, CatchUp: schedule.CatchUpOnce},
	// Before the sweep: what that deletes by mistake is in the backup. Only where backups are configured.
	{Name: "backup", Cron: "20 1 * * *", Zone: "UTC", Kind: tasks.BackupRun.Name, CatchUp: schedule.CatchUpOnce},
	{Name: "backup-verify", Cron: "10 4 * * 0", Zone: "UTC", Kind: tasks.BackupVerify.Name, CatchUp: schedule.CatchUpOnce},
	// When the week before is over in most of the world, and before people come to work.
	{Name: "weekly-reports", Cron: "0 6 * * 1", Zone: "UTC", Kind: tasks.WeeklyReports.Name, CatchUp: schedule.CatchUpOnce},
	// After the hour in which ClamAV publishes most of its updates. Without one there is nothing to scan again.
	{Name: "rescan", Cron: "25 4 * * *", Zone: "UTC", Kind: tasks.Rescan.Name, CatchUp: schedule.CatchUpOnce},
}

// Builtin returns the built-in schedules.
func Builtin() []schedule.Spec { return builtin }
