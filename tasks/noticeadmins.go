package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// FileQuarantined is the notice that the scanner found something in a file.
const FileQuarantined = "file_quarantined"

// BackupFailed is the notice that a backup or its verification has failed for good.
const BackupFailed = "backup_failed"

// NoticeAdminsArgs names what the admins are told, and the file or the job it is about.
type NoticeAdminsArgs struct {
	Notice    string    `json:"notice"`
	FileID    uuid.UUID `json:"file_id,omitzero"`
	FailedJob uuid.UUID `json:"failed_job,omitzero"`
	Message   string    `json:"message,omitempty"`
}

// NoticeAdmins tells every admin something on their stream of live events.
//
// event: an infected verdict and a backup that failed enqueue one in the transaction that records it, so that no crash
// loses it. Told twice is better than not at all: a retry may repeat it.
var NoticeAdmins = queue.Kind[NoticeAdminsArgs]{
	Name:        "notice:admins",
	Queue:       Critical,
	MaxAttempts: 12,
	Timeout:     time.Minute,
}
