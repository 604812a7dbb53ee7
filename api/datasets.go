package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/api/edge"
	"rohrpost/internal/datasets"
	"rohrpost/internal/fault"
)

const datasetRoute = "POST /api/ai/datasets"

// ListDatasets returns a page of the datasets that the user may see.
func (s *Server) ListDatasets(c *fiber.Ctx, params ListDatasetsParams) error {
	size, before, err := pageOf(params.Limit, params.Before)
	if err != nil {
		return err
	}
	found, err := s.datasets.List(c.UserContext(), viewer(c), before, int32(size)+1)
	if err != nil {
		return fmt.Errorf("list datasets: %w", err)
	}
	found, next := cut(found, size, func(d datasets.Dataset) uuid.UUID { return d.ID })
	page := DatasetPage{Items: make([]Dataset, len(found)), Next: next}
	for i, d := range found {
		page.Items[i] = shownDataset(d)
	}
	return c.JSON(page)
}

// CreateDataset asks for an export.
func (s *Server) CreateDataset(c *fiber.Ctx, params CreateDatasetParams) error {
	key, err := idempotencyKey(params.IdempotencyKey)
	if err != nil {
		return err
	}
	var body DatasetRequest
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	spec, err := body.spec()
	if err != nil {
		return err
	}
	canonical, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("hash the request: %w", err)
	}
	hash := sha256.Sum256(canonical)
	who := viewer(c)
	out, err := s.do(c.UserContext(), once{who.ID, datasetRoute, key, hash[:]}, fiber.StatusAccepted,
		func(tx pgx.Tx) (any, string, error) {
			dataset, job, err := s.datasets.Create(c.UserContext(), tx, who, spec)
			if err != nil {
				return nil, "", fmt.Errorf("create dataset: %w", err)
			}
			return DatasetAccepted{ID: dataset.ID, JobID: job.ID, EventsURL: eventsURL(job.ID)}, datasetURL(dataset.ID), nil
		})
	if err != nil {
		return err
	}
	return out.send(c)
}

// spec is what is asked for, with what is left out filled in.
func (r DatasetRequest) spec() (datasets.Spec, error) {
	spec := datasets.Spec{
		Format: r.Format, Scope: r.Scope, MinRating: datasets.Bad, Redact: true, ValidationShare: datasets.UsualValidation,
	}
	var err error
	if spec.From, err = moment("from", r.From); err != nil {
		return spec, err
	}
	if spec.To, err = moment("to", r.To); err != nil {
		return spec, err
	}
	if r.Models != nil {
		spec.Models = *r.Models
	}
	given(&spec.MinRating, r.MinRating)
	given(&spec.Redact, r.Redact)
	given(&spec.ValidationShare, r.ValidationShare)
	given(&spec.Seed, r.Seed)
	return spec, spec.Check()
}

// given sets what is not left out.
func given[T any](to, value *T) {
	if value != nil {
		*to = *value
	}
}

// moment reads a time that may be left out.
func moment(field string, text *string) (*time.Time, error) {
	if text == nil {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, *text)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The field %q has to be a time such as 2026-01-31T00:00:00Z.", field)
	}
	t = t.UTC()
	return &t, nil
}

// GetDataset returns a dataset that the user may see.
func (s *Server) GetDataset(c *fiber.Ctx, id ID) error {
	found, err := s.datasets.Get(c.UserContext(), viewer(c), id)
	if err != nil {
		return fmt.Errorf("get dataset: %w", err)
	}
	return c.JSON(shownDataset(found))
}

// DeleteDataset deletes a dataset that the user may see.
func (s *Server) DeleteDataset(c *fiber.Ctx, id ID) error {
	if err := s.datasets.Delete(c.UserContext(), viewer(c), id); err != nil {
		return fmt.Errorf("delete dataset: %w", err)
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// GetDatasetFile sends a file of a dataset.
func (s *Server) GetDatasetFile(c *fiber.Ctx, id ID, name string, params GetDatasetFileParams) error {
	who := viewer(c)
	file, err := s.datasets.OpenFile(c.UserContext(), who.ID, who.Admin, id, strings.Clone(name))
	if err != nil {
		return fmt.Errorf("open a dataset: %w", err)
	}
	content := download{file.Name, file.MediaType, file.Size, file.SHA256, file.NewRangeReader}
	return s.send(c, content, "attachment", conditions{params.Range, params.IfRange, params.IfNoneMatch})
}

// GetTrainingConsent tells whether the user lets their conversations be used for training.
func (s *Server) GetTrainingConsent(c *fiber.Ctx) error {
	since, err := s.datasets.Consent(c.UserContext(), edge.Who(c).UserID)
	if err != nil {
		return fmt.Errorf("consent: %w", err)
	}
	return c.JSON(TrainingConsent{Given: since != nil, Since: inUTC(since)})
}

// SetTrainingConsent gives or withdraws it.
func (s *Server) SetTrainingConsent(c *fiber.Ctx) error {
	var body TrainingConsentChange
	if err := edge.JSON(c, &body); err != nil {
		return err
	}
	if body.Given == nil {
		return fault.New(fault.Invalid, "The field given is needed.")
	}
	if err := s.datasets.SetConsent(c.UserContext(), edge.Who(c).UserID, *body.Given); err != nil {
		return fmt.Errorf("consent: %w", err)
	}
	return s.GetTrainingConsent(c)
}

func viewer(c *fiber.Ctx) datasets.Viewer {
	who := edge.Who(c)
	return datasets.Viewer{ID: who.UserID, Admin: who.IsAdmin()}
}

func shownDataset(d datasets.Dataset) Dataset {
	out := Dataset{
		ID: d.ID, JobID: d.JobID, State: d.State, Reason: d.Reason, Format: d.Spec.Format, Scope: d.Spec.Scope,
		From: inUTC(d.Spec.From), To: inUTC(d.Spec.To), Models: d.Spec.Models, MinRating: d.Spec.MinRating, Redact: d.Spec.Redact,
		ValidationShare: d.Spec.ValidationShare, Seed: d.Spec.Seed, Files: make([]DatasetFile, len(d.Files)),
		CreatedAt: d.CreatedAt.UTC(), FinishedAt: inUTC(d.FinishedAt),
	}
	if counts := d.Counts; counts != nil {
		out.Counts = &DatasetCounts{
			Read: counts.Read, Train: counts.Train, Validation: counts.Validation, Duplicates: counts.Duplicates,
			Empty: counts.Empty, Redacted: counts.Redacted,
		}
	}
	for i, f := range d.Files {
		out.Files[i] = DatasetFile{
			Name: f.Name, Size: f.Size, Sha256: hex.EncodeToString(f.SHA256), Rows: f.Rows, MediaType: f.MediaType,
			URL: datasetURL(d.ID) + "/files/" + url.PathEscape(f.Name),
		}
	}
	return out
}

func datasetURL(id uuid.UUID) string { return "/api/ai/datasets/" + id.String() }
