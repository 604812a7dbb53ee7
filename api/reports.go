package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/internal/reports"
)

const (
	reportRoute = "POST /api/reports"
	// reportTimeout bounds what a request asks of PostgreSQL: some rows by key.
	reportTimeout = 10 * time.Second
)

// RequestReport asks for a report.
func (s *Server) RequestReport(c *fiber.Ctx, params RequestReportParams) error {
	key, err := idempotencyKey(params.IdempotencyKey)
	if err != nil {
		return err
	}
	var body ReportRequest
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	wanted := reports.Wanted{From: text(body.From), To: text(body.To), Zone: text(body.Zone), Scope: text(body.Scope)}
	if body.Formats != nil {
		wanted.Formats = []string{}
		for _, format := range *body.Formats {
			wanted.Formats = append(wanted.Formats, strings.Clone(format))
		}
	}
	canonical, err := json.Marshal(wanted) // as it was asked: what it means depends on the time
	if err != nil {
		return fmt.Errorf("hash the request: %w", err)
	}
	hash := sha256.Sum256(canonical)
	user := edge.Who(c).UserID
	ctx, cancel := context.WithTimeout(c.UserContext(), reportTimeout)
	defer cancel()
	out, err := s.do(ctx, once{user, reportRoute, key, hash[:]}, fiber.StatusAccepted,
		func(tx pgx.Tx) (any, string, error) {
			report, err := s.reports.Request(ctx, tx, user, wanted)
			if err != nil {
				return nil, "", fmt.Errorf("request: %w", err)
			}
			return ReportAccepted{ID: report.ID, JobID: report.JobID, EventsURL: eventsURL(report.JobID)},
				reportURL(report.ID), nil
		})
	if err != nil {
		return err
	}
	return out.send(c)
}

// ListReports returns a page of the user's reports.
func (s *Server) ListReports(c *fiber.Ctx, params ListReportsParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	found, err := s.reports.List(c.UserContext(), edge.Who(c).UserID, before, int32(size)+1)
	if err != nil {
		return fmt.Errorf("list reports: %w", err)
	}
	found, next := cut(found, size, func(r reports.Report) uuid.UUID { return r.ID })
	page := ReportPage{Items: make([]Report, len(found)), Next: next}
	for i, report := range found {
		page.Items[i] = shownReport(report)
	}
	return c.JSON(page)
}

// GetReport returns a report of the user.
func (s *Server) GetReport(c *fiber.Ctx, id ID) error {
	report, err := s.reports.Get(c.UserContext(), edge.Who(c).UserID, id)
	if err != nil {
		return fmt.Errorf("get report: %w", err)
	}
	return c.JSON(shownReport(report))
}

// DeleteReport deletes a report of the user with its files.
func (s *Server) DeleteReport(c *fiber.Ctx, id ID) error {
	if err := s.reports.Delete(c.UserContext(), edge.Who(c).UserID, id); err != nil {
		return fmt.Errorf("delete report: %w", err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func shownReport(r reports.Report) Report {
	out := Report{
		ID: r.ID, Scope: r.Scope, From: r.FromAt.UTC(), To: r.ToAt.UTC(), Zone: r.Zone, Formats: r.Formats, Weekly: r.Weekly,
		State: r.State(), Files: make([]ReportFile, len(r.Files)), JobID: r.JobID, EventsURL: eventsURL(r.JobID),
		CreatedAt: r.CreatedAt.UTC(), FinishedAt: inUTC(r.FinishedAt),
	}
	if code, message := r.Trouble(); code != "" {
		out.Error = &JobError{Code: string(code), Message: message}
	}
	for i, f := range r.Files {
		out.Files[i] = ReportFile{Format: f.Format, FileID: f.ID, Name: f.Name, Size: f.Size, Status: f.Status}
		if f.Status == "clean" {
			content := fileURL(f.ID) + "/content"
			out.Files[i].ContentURL = &content
		}
	}
	return out
}

func reportURL(id uuid.UUID) string { return "/api/reports/" + id.String() }
