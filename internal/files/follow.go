package files

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// Follow has a file's status follow its jobs where these end without their handler, or begin again. Every process that
// may end a job needs it, before its engine is started.
func (s *Service) Follow(engine *queue.Engine) {
	s.engine = engine
	engine.OnState(tasks.Scan.Name, s.followScan)
	engine.OnState(tasks.Thumbnail.Name, s.followThumbnail)
}

func (s *Service) followScan(ctx context.Context, tx pgx.Tx, job db.Job) error {
	id, err := fileOf(job)
	if err != nil {
		return err
	}
	if job.State == queue.Queued {
		if _, err := s.queries.ReopenFile(ctx, tx, id); err != nil {
			return fmt.Errorf("file %s: %w", id, err)
		}
		return nil
	}
	verdict := verdictError
	if job.ErrorCode != nil && *job.ErrorCode == string(fault.Timeout) {
		verdict = verdictTimeout
	}
	n, err := s.queries.FailFile(ctx, tx, db.FailFileParams{ID: id, Verdict: &verdict, Reason: job.ErrorMessage})
	if err != nil {
		return fmt.Errorf("file %s: %w", id, err)
	}
	if n == 0 {
		return nil
	}
	return s.note(ctx, tx, db.InsertFileEventParams{
		FileID: id, Event: eventScan, Status: Failed, Verdict: &verdict, Reason: job.ErrorMessage,
	})
}

func (s *Service) followThumbnail(ctx context.Context, tx pgx.Tx, job db.Job) error {
	id, err := fileOf(job)
	if err != nil {
		return err
	}
	if job.State == queue.Queued {
		return s.setThumbnails(ctx, tx, id, ThumbnailsPending, nil)
	}
	return s.setThumbnails(ctx, tx, id, ThumbnailsFailed, job.ErrorMessage)
}

// fileOf reads the file from the arguments of any kind of job that follows a file.
func fileOf(job db.Job) (uuid.UUID, error) {
	var args struct {
		FileID uuid.UUID `json:"file_id"`
	}
	if err := json.Unmarshal(job.Args, &args); err != nil {
		return uuid.Nil, fmt.Errorf("arguments of job %s: %w", job.ID, err)
	}
	return args.FileID, nil
}
