package tasks

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// The formats of a report.
const (
	ReportHTML = "html"
	ReportCSV  = "csv"
	ReportJSON = "json"
)

// ReportFormats are all formats of a report, in the order in which they are shown.
func ReportFormats() []string { return []string{ReportHTML, ReportCSV, ReportJSON} }

// CheckReportFormats refuses formats that there are not, with code invalid.
func CheckReportFormats(formats []string) error {
	for _, format := range formats {
		if !slices.Contains(ReportFormats(), format) {
			return fault.New(fault.Invalid, "There is no format %q, but %s.", format, strings.Join(ReportFormats(), ", "))
		}
	}
	return nil
}

// ReportZone is the time zone of this IANA name; nothing is UTC. The code of its error is invalid.
func ReportZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fault.New(fault.Invalid, "There is no time zone %q; use one such as Europe/Berlin or UTC.", name)
	}
	return zone, nil
}

// BuildReportArgs names the report to build.
type BuildReportArgs struct {
	ReportID uuid.UUID `json:"report_id"`
}

// BuildReport counts what was used in a period and writes it down in the formats that were asked for.
//
// request: POST /api/reports. scheduled: a [WeeklyReports] enqueues one for each admin.
var BuildReport = queue.Kind[BuildReportArgs]{
	Name:        "report:build",
	Queue:       Reports,
	MaxAttempts: 5,
	// A report of a year of a busy installation reads some millions of rows, a few times over.
	Timeout: 15 * time.Minute,
	// The statements are heavy: nobody takes the database from the others with a dozen reports at once.
	PerOwner: 1,
}
