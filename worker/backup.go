package worker

import (
	"rohrpost/internal/backup"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Backup binds the jobs that make, verify and delete backups.
func Backup(mux *queue.Mux, s *backup.Service) {
	queue.Handle(mux, tasks.BackupRun, s.Run)
	queue.Handle(mux, tasks.BackupVerify, s.Verify)
	queue.Handle(mux, tasks.BackupPrune, s.Prune)
}
