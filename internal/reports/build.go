package reports

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

const (
	// receiveTimeout bounds the writing of one document, of at most some megabytes, to the storage.
	receiveTimeout = time.Minute
	// discardTimeout bounds the removal of documents that were not recorded; the engine gives a stopped handler 10 s.
	discardTimeout = 5 * time.Second
)

// step is the progress of a build.
type step struct {
	Step string `json:"step"`
}

// Built is the result of a [tasks.BuildReport].
type Built struct {
	ReportID uuid.UUID  `json:"report_id"`
	Files    []Document `json:"files"`
}

// Document names one of the files of a report.
type Document struct {
	Format string    `json:"format"`
	FileID uuid.UUID `json:"file_id"`
	Name   string    `json:"name"`
}

// document is one that is in the storage and not on record yet.
type document struct {
	format string
	upload *files.Upload
}

// Build runs a [tasks.BuildReport].
func (s *Service) Build(ctx context.Context, job *queue.Job[tasks.BuildReportArgs]) (any, error) {
	report, err := s.byID(ctx, job.Args.ReportID)
	if err != nil {
		return nil, err
	}
	owner, err := s.queries.UserByID(ctx, s.Pool, report.Owner)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "The account was deleted.")
	}
	if err != nil {
		return nil, fmt.Errorf("owner of report %s: %w", report.ID, err)
	}
	if report.Scope == Everyone { // may have changed since it was asked for
		if err := s.allowed(ctx, s.Pool, owner.ID); err != nil {
			return nil, err
		}
	}
	if err := job.Progress(ctx, step{"counting"}); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	usage, err := s.measure(ctx, report.Report, owner)
	if err != nil {
		return nil, err
	}
	if err := job.Progress(ctx, step{"writing"}); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	documents, err := s.write(ctx, report.Report, usage)
	if err != nil {
		return nil, err
	}
	if err := s.record(ctx, job.Run, report.Report, documents); err != nil {
		s.discard(ctx, report.Owner, documents)
		return nil, err
	}
	return nil, nil
}

// write puts a document of each format into the storage. After an error nothing is left of them.
func (s *Service) write(ctx context.Context, report db.Report, usage Usage) (documents []document, err error) {
	zone, err := tasks.ReportZone(report.Zone)
	if err != nil {
		return nil, err
	}
	period := Period{From: usage.Period.From, To: usage.Period.To, Zone: zone}
	for _, format := range report.Formats {
		upload, err := s.receive(ctx, fileName(report.Scope, period, format), func(w io.Writer) error {
			return render(w, format, usage, period)
		})
		if err != nil {
			s.discard(ctx, report.Owner, documents)
			return nil, fmt.Errorf("write %s of report %s: %w", format, report.ID, err)
		}
		documents = append(documents, document{format, upload})
	}
	return documents, nil
}

func (s *Service) receive(ctx context.Context, name string, write func(io.Writer) error) (*files.Upload, error) {
	var content bytes.Buffer
	if err := write(&content); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, receiveTimeout)
	defer cancel()
	return s.Files.Receive(ctx, name, &content)
}

func render(w io.Writer, format string, usage Usage, period Period) error {
	switch format {
	case tasks.ReportCSV:
		return writeCSV(w, usage)
	case tasks.ReportJSON:
		return writeJSON(w, usage)
	case tasks.ReportHTML:
		return writeHTML(w, usage, period)
	}
	return fault.New(fault.Invalid, "There is no format %q.", format)
}

func fileName(scope string, period Period, format string) string {
	name := "usage " + period.String()
	if scope == Everyone {
		name = "usage of everyone " + period.String()
	}
	return strings.ReplaceAll(name, " ", "-") + "." + format
}

// record makes the documents files of the owner and ends the job, both or neither. The job's row is always locked before
// the report's: whoever cancels the job does so, too.
func (s *Service) record(ctx context.Context, run *queue.Run, report db.Report, documents []document) error {
	built := Built{ReportID: report.ID}
	for _, d := range documents {
		built.Files = append(built.Files, Document{Format: d.format, FileID: d.upload.ID, Name: d.upload.Name})
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return db.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := queue.Complete(ctx, tx, run, built); err != nil {
			return err
		}
		n, err := s.queries.MarkReportBuilt(ctx, tx, report.ID)
		if err != nil {
			return fmt.Errorf("record report %s: %w", report.ID, err)
		}
		if n == 0 {
			return fault.New(fault.NotFound, "The report was deleted.")
		}
		var recorded db.Writes
		for _, d := range documents {
			if _, err := s.Files.Record(ctx, &recorded, report.Owner, d.upload); err != nil {
				return fmt.Errorf("record report %s: %w", report.ID, err)
			}
			if err := s.queries.InsertReportFile(ctx, &recorded, db.InsertReportFileParams{
				ReportID: report.ID, Format: d.format, FileID: d.upload.ID,
			}); err != nil {
				return fmt.Errorf("record report %s: %w", report.ID, err)
			}
		}
		if err := recorded.In(ctx, tx); err != nil {
			return fmt.Errorf("record report %s: %w", report.ID, err)
		}
		_, err = queue.Enqueue(ctx, tx, tasks.AnnounceReport, tasks.AnnounceReportArgs{ReportID: report.ID},
			queue.By(report.Owner))
		return err
	})
}

// discard removes documents that are not on record. The connection may have been lost after the commit, and then the
// content is needed: in doubt it stays, for the sweep of orphaned blobs.
func (s *Service) discard(ctx context.Context, owner uuid.UUID, documents []document) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), discardTimeout)
	defer cancel()
	for _, d := range documents {
		_, err := s.Files.Get(ctx, owner, d.upload.ID)
		if fault.CodeOf(err) != fault.NotFound {
			if err != nil {
				s.Log.Warn("document not discarded, the sweep of orphaned blobs will", "file", d.upload.ID, "err", err)
			}
			continue
		}
		if err := s.Files.Discard(ctx, d.upload); err != nil {
			s.Log.Warn("document not discarded, the sweep of orphaned blobs will", "file", d.upload.ID, "err", err)
		}
	}
}
