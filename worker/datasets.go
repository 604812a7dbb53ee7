package worker

import (
	"rohrpost/internal/datasets"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Datasets binds the jobs that export conversations.
func Datasets(mux *queue.Mux, s *datasets.Service) {
	queue.Handle(mux, tasks.Export, s.Export)
	queue.Handle(mux, tasks.PurgeDataset, s.Purge)
}
