package worker

import (
	"rohrpost/internal/queue"
	"rohrpost/internal/reports"
	"rohrpost/tasks"
)

// Reports binds the jobs that tell what was used.
func Reports(mux *queue.Mux, s *reports.Service) {
	queue.Handle(mux, tasks.BuildReport, s.Build)
	queue.Handle(mux, tasks.AnnounceReport, s.Announce)
	queue.Handle(mux, tasks.WeeklyReports, s.Weekly)
}
