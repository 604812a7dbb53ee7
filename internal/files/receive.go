package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/gabriel-vasile/mimetype"
	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// sniffBytes is how much of a file its media type is told from. The library looks at half of it: given less than it looks
// at, it takes what breaks off for the whole file, and a long JSON document for plain text.
const sniffBytes = 8 << 10

// Upload is content that is in the storage and not on record yet.
type Upload struct {
	ID        uuid.UUID // what the file will be called
	Name      string
	Size      int64
	MediaType string // told from the first bytes, whatever the client said
	SHA256    []byte
}

// Receive stores body under a key of our own, in memory that doesn't depend on its size. After an error nothing is left
// of it. What it returns becomes a file with [Service.Record] or is removed with [Service.Discard]. Errors: invalid for
// the name, empty_file, too_large, unavailable; an error of body keeps its code, and is invalid where it has none.
func (s *Service) Receive(ctx context.Context, name string, body io.Reader) (*Upload, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("file id: %w", err)
	}
	// ReadAll, since ReadFull could not tell the end of a short file from a body that breaks off with ErrUnexpectedEOF.
	head, err := io.ReadAll(io.LimitReader(body, sniffBytes))
	if err != nil {
		return nil, brokenOff(err)
	}
	if len(head) == 0 {
		return nil, fault.New(Empty, "The file is empty.")
	}
	in := &measured{
		r: io.MultiReader(bytes.NewReader(head), body), hash: sha256.New(), left: s.maxBytes,
		tooLarge: fault.New(fault.TooLarge, "The file is over the limit of %d bytes.", s.maxBytes),
	}
	up := &Upload{ID: id, Name: name, MediaType: mimetype.Detect(head).String()}
	if err := s.bucket.Put(ctx, uploadKey(id), up.MediaType, in); err != nil {
		var reading *blob.ReadError
		if errors.As(err, &reading) {
			return nil, brokenOff(reading.Err)
		}
		return nil, fmt.Errorf("store upload: %w", err)
	}
	up.Size, up.SHA256 = in.n, in.hash.Sum(nil)
	s.metrics.uploads.Inc()
	s.metrics.bytes.Add(float64(up.Size))
	return up, nil
}

// brokenOff gives an error of the client's side a code if it has none.
func brokenOff(err error) error {
	var coded *fault.Error
	if errors.As(err, &coded) {
		return fmt.Errorf("receive upload: %w", err)
	}
	return fault.Wrap(err, fault.Invalid, "The upload broke off.")
}

// Record makes an upload a file of owner, in w, with the job that scans it. The record of the job is what is known before
// it is written.
func (s *Service) Record(ctx context.Context, w *db.Writes, owner uuid.UUID, up *Upload) (db.Job, error) {
	job, err := queue.EnqueueWith(ctx, w, tasks.Scan, tasks.ScanArgs{FileID: up.ID}, queue.By(owner))
	if err != nil {
		return db.Job{}, fmt.Errorf("record file: %w", err)
	}
	if err := s.queries.InsertFile(ctx, w, db.InsertFileParams{
		ID: up.ID, Owner: owner, Name: up.Name, Size: up.Size, MediaType: up.MediaType, SHA256: up.SHA256,
		BlobKey: uploadKey(up.ID), JobID: job.ID, Status: Processing,
	}); err != nil {
		return db.Job{}, fmt.Errorf("record file: %w", err)
	}
	return job, nil
}

// Discard removes an upload that did not become a file.
func (s *Service) Discard(ctx context.Context, up *Upload) error {
	if err := s.bucket.Delete(ctx, uploadKey(up.ID)); err != nil {
		return fmt.Errorf("discard upload: %w", err)
	}
	return nil
}
