package worker

import (
	"rohrpost/internal/ai"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// AI binds the jobs that ask language models.
func AI(mux *queue.Mux, s *ai.Service) {
	queue.Handle(mux, tasks.Infer, s.Infer)
}
