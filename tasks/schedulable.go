package tasks

import "rohrpost/internal/queue"

// Schedulable returns the kinds that a schedule may start: those that need nobody who asks for them.
func Schedulable() []queue.RawKind {
	return []queue.RawKind{
		queue.Raw(Sweep), queue.Raw(BackupRun), queue.Raw(BackupVerify), queue.Raw(WeeklyReports), queue.Raw(Rescan),
	}
}
