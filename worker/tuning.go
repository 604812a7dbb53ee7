package worker

import (
	"rohrpost/internal/queue"
	"rohrpost/internal/tuning"
	"rohrpost/tasks"
)

// Tuning binds the jobs that make models.
func Tuning(mux *queue.Mux, s *tuning.Service) {
	queue.Handle(mux, tasks.Tune, s.Tune)
	queue.Handle(mux, tasks.EndTuning, s.End)
	queue.Handle(mux, tasks.MakeModel, s.MakeModel)
	queue.Handle(mux, tasks.DeleteModel, s.DeleteModel)
}
