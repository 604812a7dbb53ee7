package datasets

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Create records a dataset of viewer and enqueues its export, in tx. Errors: invalid, and forbidden for everyone's
// conversations to who is no admin.
func (s *Service) Create(ctx context.Context, tx pgx.Tx, viewer Viewer, spec Spec) (db.Dataset, queue.Record, error) {
	if err := spec.Check(); err != nil {
		return db.Dataset{}, queue.Record{}, err
	}
	if spec.Scope == Everyone && !viewer.Admin {
		return db.Dataset{}, queue.Record{}, onlyAdmins()
	}
	if spec.Models == nil {
		spec.Models = []string{}
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		return db.Dataset{}, queue.Record{}, fmt.Errorf("record dataset: %w", err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return db.Dataset{}, queue.Record{}, fmt.Errorf("dataset id: %w", err)
	}
	job, err := queue.Enqueue(ctx, tx, tasks.Export, tasks.ExportArgs{DatasetID: id}, queue.By(viewer.ID))
	if err != nil {
		return db.Dataset{}, queue.Record{}, fmt.Errorf("record dataset: %w", err)
	}
	dataset, err := s.queries.InsertDataset(ctx, tx, db.InsertDatasetParams{
		ID: id, Owner: viewer.ID, JobID: job.ID, Scope: spec.Scope, Spec: raw,
	})
	if err != nil {
		return db.Dataset{}, queue.Record{}, fmt.Errorf("record dataset: %w", err)
	}
	if spec.Scope == Everyone {
		err = audit.Record(ctx, tx, viewer.actor(), audit.Entry{
			Action: "dataset.create", Target: id.String(), Detail: spec,
		})
	}
	return dataset, job, err
}

func onlyAdmins() error {
	return fault.New(fault.Forbidden, "Only admins may export everyone's conversations.")
}
