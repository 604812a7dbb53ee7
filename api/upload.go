package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"rohrpost/api/edge"
	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/tracing"
)

const (
	uploadRoute = "POST /api/files"
	// uploadTimeout bounds a whole upload; a pause within it ends it much earlier.
	uploadTimeout = 6 * time.Hour
	// recordTimeout bounds what comes after the last byte: a transaction of some rows.
	recordTimeout = 30 * time.Second
)

// UploadFile stores a file and asks for its scan. The form is read part by part as it comes, into the storage and
// nowhere else, and what was stored is removed again unless the record of the file was committed.
func (s *Server) UploadFile(c *fiber.Ctx, params UploadFileParams) error {
	key, err := idempotencyKey(params.IdempotencyKey)
	if err != nil {
		return err
	}
	media, options, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || media != fiber.MIMEMultipartForm || options["boundary"] == "" {
		return fault.New(fault.Media, "The body has to be multipart/form-data with a file in the field \"file\".")
	}
	ctx, cancel := context.WithTimeout(tracing.Under(s.base, c.UserContext()), uploadTimeout)
	defer cancel()
	body := edge.BodyOf(c)
	body.Patient(s.cfg.UploadPause)
	up, err := s.receive(ctx, multipart.NewReader(body, strings.Clone(options["boundary"])), body)
	if err != nil {
		return err
	}
	out, err := s.record(ctx, edge.Who(c).UserID, key, up)
	if err != nil {
		return err
	}
	return out.send(c)
}

// receive stores the one file of a form. If it returns an error, nothing is left of it.
func (s *Server) receive(ctx context.Context, form *multipart.Reader, body io.Reader) (*files.Upload, error) {
	part, err := form.NextPart()
	if errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "The form has no field \"file\".")
	}
	if err != nil {
		return nil, broken(err)
	}
	name, err := fileName(part)
	if err != nil {
		return nil, err
	}
	up, err := s.files.Receive(ctx, name, part)
	if err != nil {
		return nil, fmt.Errorf("receive: %w", err)
	}
	if err := complete(form, body); err != nil {
		s.discard(ctx, up)
		return nil, err
	}
	return up, nil
}

// complete checks that the form ends with its file, and the body soon after it.
func complete(form *multipart.Reader, body io.Reader) error {
	part, err := form.NextPart()
	switch {
	case err == nil && part.FormName() == "file":
		return fault.New(fault.Invalid, "The form has more than one field \"file\".")
	case err == nil:
		return fault.New(fault.Invalid, "The form has a field %q; it may hold the field \"file\" only.", part.FormName())
	case !errors.Is(err, io.EOF):
		return broken(err)
	}
	rest, err := io.CopyN(io.Discard, body, maxForm+1)
	if rest > maxForm {
		return fault.New(fault.Invalid, "The body goes on after the form.")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return broken(err)
	}
	return nil
}

// fileName returns the name that the client gives the file, as it is: whether it will do is not for us to say.
func fileName(part *multipart.Part) (string, error) {
	if part.FormName() != "file" {
		return "", fault.New(fault.Invalid, "The form has a field %q; it may hold the field \"file\" only.", part.FormName())
	}
	// Part.FileName would cut a path down to its last element.
	_, options, err := mime.ParseMediaType(part.Header.Get(fiber.HeaderContentDisposition))
	name, given := options["filename"]
	switch {
	case err != nil:
		return "", fault.Wrap(err, fault.Invalid, "The name of the file can't be read.")
	case !given:
		return "", fault.New(fault.Invalid, "The field \"file\" holds no file.")
	}
	return name, nil
}

// record makes the upload a file, with its scan, in one transaction. A repeated request gets the first answer, and its
// upload is removed.
func (s *Server) record(ctx context.Context, user uuid.UUID, key string, up *files.Upload) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	hash := sha256.New()
	_, _ = fmt.Fprintf(hash, "%s\x00%x", up.Name, up.SHA256) // a hash takes everything
	out, err := s.write(ctx, once{user, uploadRoute, key, hash.Sum(nil)}, fiber.StatusAccepted,
		func(w *db.Writes) (any, string, error) {
			job, err := s.files.Record(ctx, w, user, up)
			if err != nil {
				return nil, "", fmt.Errorf("record: %w", err)
			}
			return UploadAccepted{ID: up.ID, Status: files.Processing, JobID: job.ID}, fileURL(up.ID), nil
		})
	switch {
	case err == nil && out.replayed:
		s.discard(ctx, up)
	case err != nil && s.unrecorded(ctx, user, up.ID):
		s.discard(ctx, up)
	}
	return out, err
}

// unrecorded reports whether a file is not there for sure, after a transaction failed: the connection may have been lost
// after PostgreSQL had committed, and then the content is needed. In doubt it stays.
func (s *Server) unrecorded(ctx context.Context, user, id uuid.UUID) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	_, err := s.files.Get(ctx, user, id)
	return fault.CodeOf(err) == fault.NotFound
}

func (s *Server) discard(ctx context.Context, up *files.Upload) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := s.files.Discard(ctx, up); err != nil {
		s.log.Error("upload not discarded, it takes up space", "err", err)
	}
}

// broken explains why a form can't be read. That the client fell silent is said as it is.
func broken(err error) error {
	if fault.CodeOf(err) == edge.SlowRequest {
		return err
	}
	return fault.Wrap(err, fault.Invalid, "The form can't be read, or is not complete.")
}
