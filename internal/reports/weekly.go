package reports

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Weekly is the result of a [tasks.WeeklyReports].
type Weekly struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Reports int       `json:"reports"` // that are being built now
}

// Weekly runs a [tasks.WeeklyReports]: it asks for the report of the week before the job was enqueued once for each admin
// who has none of it. One for each, and not one for all: so an admin's report is their own file, found, announced, run
// again and deleted like any other, and no rule is needed about who else may open a file. The numbers of a week that is
// over are the same in each.
func (s *Service) Weekly(ctx context.Context, job *queue.Job[tasks.WeeklyReportsArgs]) (any, error) {
	zone, err := tasks.ReportZone(job.Args.Zone)
	if err != nil {
		return nil, err
	}
	var wanted []string
	if len(job.Args.Formats) > 0 {
		wanted = job.Args.Formats
	}
	if wanted, err = formats(wanted); err != nil {
		return nil, err
	}
	week := weekBefore(job.Record().CreatedAt, zone)
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	err = db.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		admins, err := s.queries.AdminsWithoutWeeklyReport(ctx, tx,
			db.AdminsWithoutWeeklyReportParams{FromAt: week.From, ToAt: week.To})
		if err != nil {
			return fmt.Errorf("who gets the weekly report: %w", err)
		}
		for _, admin := range admins {
			if _, err := s.enqueue(ctx, tx, db.InsertReportParams{
				Owner: admin, Scope: Everyone, FromAt: week.From, ToAt: week.To, Zone: zone.String(), Formats: wanted,
				Weekly: true,
			}); err != nil {
				return err
			}
		}
		return queue.Complete(ctx, tx, job.Run, Weekly{From: week.From, To: week.To, Reports: len(admins)})
	})
	return nil, err
}
