package reports

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// ReadyNotice is what a notice event about a report says it is about.
const ReadyNotice = "report_ready"

// lookAgain is how often the announcement looks whether the scans are over, which take some milliseconds where the
// scanner is up.
const lookAgain = time.Second

// Notice is the data of a notice event about a report.
type Notice struct {
	JobID    uuid.UUID  `json:"job_id"` // the job that tells it: the same in a repetition
	Notice   string     `json:"notice"`
	ReportID uuid.UUID  `json:"report_id"`
	Scope    string     `json:"scope"`
	From     time.Time  `json:"from"`
	To       time.Time  `json:"to"`
	Zone     string     `json:"zone"`
	Files    []Document `json:"files"`
}

// Announced is the result of a [tasks.AnnounceReport].
type Announced struct {
	ReportID uuid.UUID `json:"report_id"`
	State    string    `json:"state"` // Ready, Failed or deleted; only the first is told
	Mailed   bool      `json:"mailed"`
}

// Announce runs a [tasks.AnnounceReport].
func (s *Service) Announce(ctx context.Context, job *queue.Job[tasks.AnnounceReportArgs]) (any, error) {
	report, err := s.byID(ctx, job.Args.ReportID)
	if fault.CodeOf(err) == fault.NotFound {
		return Announced{ReportID: job.Args.ReportID, State: "deleted"}, nil
	}
	if err != nil {
		return nil, err
	}
	switch report.State() {
	case Building:
		return nil, queue.Snooze(lookAgain)
	case Failed:
		return Announced{ReportID: report.ID, State: Failed}, nil
	}
	if err := s.tell(ctx, job.ID(), report); err != nil {
		return nil, err
	}
	return nil, s.mail(ctx, job.Run, report)
}

// tell puts the notice on the owner's stream.
func (s *Service) tell(ctx context.Context, job uuid.UUID, report Report) error {
	notice := Notice{
		JobID: job, Notice: ReadyNotice, ReportID: report.ID, Scope: report.Scope, From: report.FromAt.UTC(),
		To: report.ToAt.UTC(), Zone: report.Zone, Files: []Document{},
	}
	for _, f := range report.Files {
		notice.Files = append(notice.Files, Document{Format: f.Format, FileID: f.ID, Name: f.Name})
	}
	data, err := json.Marshal(notice)
	if err != nil {
		return fmt.Errorf("notice of report %s: %w", report.ID, err)
	}
	err = s.Events.Append(ctx, 0, stream.Entry{Key: stream.User(report.Owner), Type: stream.TypeNotice, Data: data})
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The owner's live events can't be reached.")
	}
	return nil
}

// mail writes the mail down, where there is a way to send it, and ends the job.
func (s *Service) mail(ctx context.Context, run *queue.Run, report Report) error {
	zone, err := tasks.ReportZone(report.Zone)
	if err != nil {
		return err
	}
	about := mail.ReportNotice{
		ReportID: report.ID, Everyone: report.Scope == Everyone,
		Period: Period{From: report.FromAt, To: report.ToAt, Zone: zone}.String(),
	}
	for _, f := range report.Files {
		about.Files = append(about.Files, f.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return db.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		var mailed bool
		if s.Mail != nil {
			var err error
			if mailed, err = s.Mail.ReportIsReady(ctx, tx, report.Owner, about); err != nil {
				return err
			}
		}
		return queue.Complete(ctx, tx, run, Announced{ReportID: report.ID, State: Ready, Mailed: mailed})
	})
}
