package tasks

import (
	"time"

	"rohrpost/internal/queue"
)

// WeeklyReportsArgs says how the week is reported.
type WeeklyReportsArgs struct {
	Zone    string   `json:"zone,omitempty"`    // IANA name of the time zone that the week is of; nothing is UTC
	Formats []string `json:"formats,omitempty"` // of ReportFormats; nothing is all
}

// Check refuses what there is not.
func (a WeeklyReportsArgs) Check() error {
	if _, err := ReportZone(a.Zone); err != nil {
		return err
	}
	return CheckReportFormats(a.Formats)
}

// WeeklyReports asks for a report on everyone's use of the week before, once for each admin.
//
// scheduled: every Monday.
var WeeklyReports = queue.Kind[WeeklyReportsArgs]{
	Name:        "report:weekly",
	Queue:       Reports,
	MaxAttempts: 12,
	Timeout:     time.Minute,
	// One at a time: each looks for who has no report of the week yet.
	PerKey: 1,
}
