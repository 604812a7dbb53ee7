package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// FileQuarantined is the notice that the scanner found something in a file.
const FileQuarantined = "file_quarantined"

// NoticeAdminsArgs names what the admins are told, and the file it is about.
type NoticeAdminsArgs struct {
	Notice string    `json:"notice"`
	FileID uuid.UUID `json:"file_id"`
}

// NoticeAdmins tells every admin something on their stream of live events.
//
// event: an infected verdict enqueues one in the transaction that records the verdict, so that no crash loses it. Told
// twice is better than not at all: a retry may repeat it.
var NoticeAdmins = queue.Kind[NoticeAdminsArgs]{
	Name:        "notice:admins",
	Queue:       Critical,
	MaxAttempts: 12,
	Timeout:     time.Minute,
}
