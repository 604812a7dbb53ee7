package worker

import (
	"rohrpost/internal/cleanup"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Maintenance binds the jobs that keep the house in order.
func Maintenance(mux *queue.Mux, s *cleanup.Service) {
	queue.Handle(mux, tasks.Sweep, s.Sweep)
}
