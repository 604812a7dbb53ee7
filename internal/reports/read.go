package reports

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
)

// What becomes of a report, as its owner sees it.
const (
	Building = "building"
	Ready    = "ready"
	Failed   = "failed"
)

// Report is a report with its documents, in the order of their formats' names. Who deletes one of them as a file takes it
// from here.
type Report struct {
	db.Report
	Files []db.FilesOfReportsRow
}

// State is what has become of it: one is ready when all of its files can be opened.
func (r Report) State() string {
	switch r.Report.State {
	case stateBuilding:
		return Building
	case stateFailed:
		return Failed
	}
	state := Ready
	for _, f := range r.Files {
		switch f.Status {
		case files.Clean:
		case files.Processing:
			state = Building
		default:
			return Failed
		}
	}
	return state
}

// Trouble is why it failed: a code and a sentence. Both are empty where it has not.
func (r Report) Trouble() (code fault.Code, message string) {
	if r.Report.State == stateFailed {
		return fault.Code(db.Text(r.ErrorCode)), db.Text(r.ErrorMessage)
	}
	for _, f := range r.Files {
		if f.Status != files.Clean && f.Status != files.Processing {
			return files.NotClean, fmt.Sprintf("%s can't be opened, its status is %q. %s", f.Name, f.Status, db.Text(f.Reason))
		}
	}
	return "", ""
}

// Get returns a report of owner. Other people's and unknown ones are not_found.
func (s *Service) Get(ctx context.Context, owner, id uuid.UUID) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	found, err := s.queries.ReportOfOwner(ctx, s.Pool, db.ReportOfOwnerParams{ID: id, Owner: owner})
	if errors.Is(err, pgx.ErrNoRows) {
		return Report{}, notFound()
	}
	if err != nil {
		return Report{}, fmt.Errorf("report %s: %w", id, err)
	}
	return s.withFiles(ctx, found)
}

// List returns up to limit reports of owner that are older than the one called before, or the newest for a zero before;
// the newest first.
func (s *Service) List(ctx context.Context, owner, before uuid.UUID, limit int32) ([]Report, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if before == uuid.Nil {
		before = uuid.Max
	}
	found, err := s.queries.ReportsByOwnerBefore(ctx, s.Pool, db.ReportsByOwnerBeforeParams{
		Owner: owner, Before: before, PageSize: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("reports of %s: %w", owner, err)
	}
	return s.allWithFiles(ctx, found)
}

// byID returns a report for a job of ours.
func (s *Service) byID(ctx context.Context, id uuid.UUID) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	found, err := s.queries.ReportByID(ctx, s.Pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Report{}, fault.New(fault.NotFound, "The report was deleted.")
	}
	if err != nil {
		return Report{}, fmt.Errorf("report %s: %w", id, err)
	}
	return s.withFiles(ctx, found)
}

func (s *Service) withFiles(ctx context.Context, found db.Report) (Report, error) {
	all, err := s.allWithFiles(ctx, []db.Report{found})
	if err != nil {
		return Report{}, err
	}
	return all[0], nil
}

func (s *Service) allWithFiles(ctx context.Context, found []db.Report) ([]Report, error) {
	all, ids, at := make([]Report, len(found)), make([]uuid.UUID, len(found)), make(map[uuid.UUID]int, len(found))
	for i, report := range found {
		all[i], ids[i], at[report.ID] = Report{Report: report}, report.ID, i
	}
	rows, err := s.queries.FilesOfReports(ctx, s.Pool, ids)
	if err != nil {
		return nil, fmt.Errorf("files of reports: %w", err)
	}
	for _, f := range rows {
		report := &all[at[f.ReportID]]
		report.Files = append(report.Files, f)
	}
	return all, nil
}

func notFound() error { return fault.New(fault.NotFound, "There is no such report.") }
