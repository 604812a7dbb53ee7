package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// SendMailArgs names the mail to send. What it says and to whom is read when it is sent.
type SendMailArgs struct {
	MailID   uuid.UUID `json:"mail_id"`
	Template string    `json:"template"`
}

// SendMail hands a recorded mail to the mail server.
//
// request and event: registering, asking for a verification or a password reset, and whatever admins are told of
// enqueue one in the transaction that makes the mail necessary. The limit key is the mail server; how many mails may be
// on their way to it at once comes with the job from the configuration.
var SendMail = queue.Kind[SendMailArgs]{
	Name:  "mail:send",
	Queue: Mail,
	// With the engine's back-off this bridges about two hours: a server that greylists lets nobody in for some minutes,
	// and one that is down is often back within the hour.
	MaxAttempts: 60,
	// Above the time that a slow server may take for each of the half-dozen commands.
	Timeout: 10 * time.Minute,
	PerKey:  4,
}
