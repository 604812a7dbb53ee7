package files

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
)

// File is a file with its thumbnails, the smallest first.
type File struct {
	db.File
	Thumbnails []db.Thumbnail
}

// Get returns a file of owner. Other people's files and unknown ones are not_found.
func (s *Service) Get(ctx context.Context, owner, id uuid.UUID) (File, error) {
	file, err := s.ofOwner(ctx, owner, id)
	if err != nil {
		return File{}, err
	}
	files, err := s.withThumbnails(ctx, []db.File{file})
	if err != nil {
		return File{}, err
	}
	return files[0], nil
}

// List returns up to limit files of owner that are older than the one called before, or the newest for a zero before;
// the newest first.
func (s *Service) List(ctx context.Context, owner, before uuid.UUID, limit int32) ([]File, error) {
	if before == uuid.Nil {
		before = uuid.Max
	}
	found, err := s.queries.FilesByOwnerBefore(ctx, s.pool, db.FilesByOwnerBeforeParams{
		Owner: owner, Before: before, PageSize: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("files of %s: %w", owner, err)
	}
	return s.withThumbnails(ctx, found)
}

func (s *Service) withThumbnails(ctx context.Context, found []db.File) ([]File, error) {
	files, at := make([]File, len(found)), make(map[uuid.UUID]int, len(found))
	var ids []uuid.UUID
	for i, file := range found {
		files[i], at[file.ID] = File{File: file}, i
		if file.ThumbnailStatus != ThumbnailsNone {
			ids = append(ids, file.ID)
		}
	}
	if len(ids) == 0 {
		return files, nil
	}
	thumbs, err := s.queries.ThumbnailsByFiles(ctx, s.pool, ids)
	if err != nil {
		return nil, fmt.Errorf("thumbnails: %w", err)
	}
	for _, t := range thumbs {
		file := &files[at[t.FileID]]
		file.Thumbnails = append(file.Thumbnails, t)
	}
	return files, nil
}

func (s *Service) ofOwner(ctx context.Context, owner, id uuid.UUID) (db.File, error) {
	file, err := s.queries.FileOfOwner(ctx, s.pool, db.FileOfOwnerParams{ID: id, Owner: owner})
	if errors.Is(err, pgx.ErrNoRows) {
		return db.File{}, notFound()
	}
	if err != nil {
		return db.File{}, fmt.Errorf("file %s: %w", id, err)
	}
	return file, nil
}

func notFound() error { return fault.New(fault.NotFound, "There is no such file.") }

// Content is what can be downloaded: a clean file or a thumbnail.
type Content struct {
	Name      string
	MediaType string
	Size      int64  // bytes
	SHA256    []byte // nil for a thumbnail

	bucket *blob.Bucket
	key    string
}

// NewRangeReader reads length bytes from offset on; a negative length reads to the end. The caller closes it. Errors:
// not_found where it was deleted meanwhile, unavailable.
func (c *Content) NewRangeReader(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	r, err := c.bucket.NewReader(ctx, c.key, offset, length)
	if err != nil {
		return nil, fmt.Errorf("content of %s: %w", c.Name, err)
	}
	return r, nil
}

// Open gives access to the content of a clean file of owner. Errors: not_found, file_not_clean.
func (s *Service) Open(ctx context.Context, owner, id uuid.UUID) (*Content, error) {
	file, err := s.ofOwner(ctx, owner, id)
	if err != nil {
		return nil, err
	}
	if file.Status != Clean {
		return nil, fault.New(NotClean, "The file can't be opened, its status is %q.", file.Status)
	}
	return &Content{
		Name: file.Name, MediaType: file.MediaType, Size: file.Size, SHA256: file.SHA256, bucket: s.bucket, key: file.BlobKey,
	}, nil
}

// OpenThumbnail gives access to a thumbnail of a clean file of owner. Errors: not_found.
func (s *Service) OpenThumbnail(ctx context.Context, owner, id uuid.UUID, name string) (*Content, error) {
	t, err := s.queries.ThumbnailOfOwner(ctx, s.pool, db.ThumbnailOfOwnerParams{FileID: id, Owner: owner, Name: name})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "There is no such thumbnail.")
	}
	if err != nil {
		return nil, fmt.Errorf("thumbnail %s of %s: %w", name, id, err)
	}
	extension := map[string]string{"image/png": ".png"}[t.MediaType]
	if extension == "" {
		extension = ".jpg"
	}
	return &Content{Name: name + extension, MediaType: t.MediaType, Size: t.Size, bucket: s.bucket, key: t.BlobKey}, nil
}
