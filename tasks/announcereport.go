package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// AnnounceReportArgs names the report that is written.
type AnnounceReportArgs struct {
	ReportID uuid.UUID `json:"report_id"`
}

// AnnounceReport tells the owner of a report that it can be opened: on their stream and by mail. Like every file, those
// of a report are closed until the scanner has called them clean, and the job waits for that.
//
// event: building a report enqueues one in the transaction that records its files. Told twice on the stream is better
// than not at all: a retry may repeat it.
var AnnounceReport = queue.Kind[AnnounceReportArgs]{
	Name:        "report:announce",
	Queue:       Critical,
	MaxAttempts: 12,
	Timeout:     time.Minute,
}
