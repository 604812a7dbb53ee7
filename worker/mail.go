package worker

import (
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Mail binds the jobs that send mail.
func Mail(mux *queue.Mux, s *mail.Service) {
	queue.Handle(mux, tasks.SendMail, s.SendMail)
}
