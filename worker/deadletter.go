package worker

import (
	"rohrpost/internal/deadletter"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// DeadLetters binds the jobs that deal with many failed ones.
func DeadLetters(mux *queue.Mux, s *deadletter.Service) {
	queue.Handle(mux, tasks.RetryDead, s.Retry)
	queue.Handle(mux, tasks.DiscardDead, s.Discard)
}
