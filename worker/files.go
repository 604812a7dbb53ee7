package worker

import (
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Files binds the jobs that uploaded files cause, and those of the quarantine.
func Files(mux *queue.Mux, s *files.Service) {
	queue.Handle(mux, tasks.Scan, s.Scan)
	queue.Handle(mux, tasks.Thumbnail, s.Thumbnail)
	queue.Handle(mux, tasks.Purge, s.Purge)
	queue.Handle(mux, tasks.Rescan, s.Rescan)
	queue.Handle(mux, tasks.Release, s.Release)
	queue.Handle(mux, tasks.NoticeAdmins, s.NoticeAdmins)
	queue.Handle(mux, tasks.NoticeOwner, s.NoticeOwner)
}
