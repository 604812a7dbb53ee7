package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/thumbnail"
	"rohrpost/internal/tracing"
	"rohrpost/tasks"
)

// ThumbnailResult is the result of the job that makes thumbnails. A file of which there can't be any is no failure of
// the job: it succeeds, with the reason.
type ThumbnailResult struct {
	FileID          uuid.UUID        `json:"file_id"`
	ThumbnailStatus string           `json:"thumbnail_status"`
	ThumbnailReason *string          `json:"thumbnail_reason,omitempty"`
	Thumbnails      []ThumbnailShape `json:"thumbnails"`
}

// ThumbnailShape describes a thumbnail, in pixels.
type ThumbnailShape struct {
	Name   string `json:"name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// Thumbnail runs a [tasks.Thumbnail]. Its keys follow from the file, so a second attempt writes over the first.
func (s *Service) Thumbnail(ctx context.Context, job *queue.Job[tasks.ThumbnailArgs]) (any, error) {
	file, err := s.byID(ctx, job.Args.FileID)
	if err != nil {
		return nil, err
	}
	if file.Status != Clean {
		return nil, fault.New(NotClean, "There are no thumbnails of a file that is %s.", file.Status)
	}
	if err := job.Progress(ctx, step{"thumbnails"}); err != nil {
		return nil, fmt.Errorf("thumbnails: %w", err)
	}
	thumbs, err := s.shrink(ctx, file)
	result := ThumbnailResult{FileID: file.ID, ThumbnailStatus: ThumbnailsReady, Thumbnails: []ThumbnailShape{}}
	switch {
	case fault.CodeOf(err) == fault.Invalid:
		reason := fault.Message(err)
		result.ThumbnailStatus, result.ThumbnailReason = ThumbnailsFailed, &reason
		job.Log().Info("no thumbnails", "file", file.ID, "err", err)
	case err != nil:
		return nil, err
	}
	for _, t := range thumbs {
		key := thumbnailKey(file.ID, file.Moves, t.Name)
		if err := s.bucket.Put(ctx, key, t.MediaType, bytes.NewReader(t.Content)); err != nil {
			return nil, s.lost(ctx, file, fmt.Errorf("thumbnail %s of %s: %w", t.Name, file.ID, err))
		}
		result.Thumbnails = append(result.Thumbnails, ThumbnailShape{t.Name, t.Width, t.Height})
	}
	err = s.show(ctx, job.Run, file, thumbs, result)
	if errors.Is(err, errMoved) {
		s.purgeNow(ctx, file.ID, thumbnailKeys(file.ID, file.Moves))
		return nil, queue.Snooze(0)
	}
	if err != nil {
		return nil, s.lost(ctx, file, err)
	}
	return nil, nil // the job was completed with its effect
}

func (s *Service) shrink(ctx context.Context, file db.File) ([]thumbnail.Thumbnail, error) {
	body, err := s.bucket.NewReader(ctx, file.BlobKey, 0, -1)
	if err != nil {
		return nil, fmt.Errorf("thumbnails of %s: %w", file.ID, err)
	}
	defer body.Close() //nolint:errcheck // only read
	began := time.Now()
	thumbs, err := s.thumbnailer.Make(ctx, body)
	tracing.Observe(ctx, s.metrics.thumbnail, time.Since(began).Seconds())
	if err != nil {
		return nil, fmt.Errorf("thumbnails of %s: %w", file.ID, err)
	}
	return thumbs, nil
}

// show puts the thumbnails on record together with the job's end.
func (s *Service) show(ctx context.Context, run *queue.Run, file db.File, thumbs []thumbnail.Thumbnail,
	result ThumbnailResult) error {
	return db.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		now, err := s.queries.LockFile(ctx, tx, file.ID)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return errGone
		case err != nil:
			return fmt.Errorf("thumbnails of %s: %w", file.ID, err)
		case now.Status != Clean || now.Moves != file.Moves:
			return errMoved
		}
		for _, t := range thumbs {
			err := s.queries.UpsertThumbnail(ctx, tx, db.UpsertThumbnailParams{
				FileID: file.ID, Name: t.Name, Width: int32(t.Width), Height: int32(t.Height), Size: int64(len(t.Content)),
				MediaType: t.MediaType, BlobKey: thumbnailKey(file.ID, file.Moves, t.Name),
			})
			if err != nil {
				return fmt.Errorf("thumbnail %s of %s: %w", t.Name, file.ID, err)
			}
		}
		if err := s.setThumbnails(ctx, tx, file.ID, result.ThumbnailStatus, result.ThumbnailReason); err != nil {
			return err
		}
		return queue.Complete(ctx, tx, run, result)
	})
}

func (s *Service) setThumbnails(ctx context.Context, tx pgx.Tx, id uuid.UUID, status string, reason *string) error {
	_, err := s.queries.SetThumbnailStatus(ctx, tx, db.SetThumbnailStatusParams{
		ID: id, ThumbnailStatus: status, ThumbnailReason: reason,
	})
	if err != nil {
		return fmt.Errorf("thumbnails of %s: %w", id, err)
	}
	return nil
}
