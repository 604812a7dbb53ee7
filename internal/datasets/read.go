package datasets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
)

// Dataset is a dataset with what it was asked to be, and with its files once it is ready.
type Dataset struct {
	db.Dataset
	Spec   Spec
	Counts *Counts // nil until it is ready
	Files  []db.DatasetFile
}

// Get returns a dataset that viewer may see. Others and unknown ones are not_found.
func (s *Service) Get(ctx context.Context, viewer Viewer, id uuid.UUID) (Dataset, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	found, err := s.queries.DatasetOfViewer(ctx, s.pool, db.DatasetOfViewerParams{ID: id, Viewer: viewer.ID, IsAdmin: viewer.Admin})
	if errors.Is(err, pgx.ErrNoRows) {
		return Dataset{}, notFound()
	}
	if err != nil {
		return Dataset{}, fmt.Errorf("dataset %s: %w", id, err)
	}
	all, err := s.withFiles(ctx, []db.Dataset{found})
	if err != nil {
		return Dataset{}, err
	}
	return all[0], nil
}

// List returns up to limit datasets that viewer may see and that are older than the one called before, or the newest for
// a zero before; the newest first.
func (s *Service) List(ctx context.Context, viewer Viewer, before uuid.UUID, limit int32) ([]Dataset, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if before == uuid.Nil {
		before = uuid.Max
	}
	found, err := s.queries.DatasetsOfViewerBefore(ctx, s.pool, db.DatasetsOfViewerBeforeParams{
		Before: before, Viewer: viewer.ID, IsAdmin: viewer.Admin, PageSize: limit,
	})
	if err != nil {
		return nil, fmt.Errorf("datasets: %w", err)
	}
	return s.withFiles(ctx, found)
}

func (s *Service) withFiles(ctx context.Context, found []db.Dataset) ([]Dataset, error) {
	all, ids, at := make([]Dataset, len(found)), make([]uuid.UUID, len(found)), make(map[uuid.UUID]int, len(found))
	for i, d := range found {
		all[i], ids[i], at[d.ID] = Dataset{Dataset: d}, d.ID, i
		if err := json.Unmarshal(d.Spec, &all[i].Spec); err != nil {
			return nil, fmt.Errorf("spec of dataset %s: %w", d.ID, err)
		}
		if len(d.Counts) == 0 {
			continue
		}
		if err := json.Unmarshal(d.Counts, &all[i].Counts); err != nil {
			return nil, fmt.Errorf("counts of dataset %s: %w", d.ID, err)
		}
	}
	files, err := s.queries.FilesOfDatasets(ctx, s.pool, ids)
	if err != nil {
		return nil, fmt.Errorf("files of datasets: %w", err)
	}
	for _, file := range files {
		d := &all[at[file.DatasetID]]
		d.Files = append(d.Files, file)
	}
	return all, nil
}

// File is a file of a dataset that is ready.
type File struct {
	Name      string
	MediaType string
	Size      int64 // bytes
	Rows      int64
	SHA256    []byte

	bucket *blob.Bucket
	key    string
}

// OpenFile gives access to a file of a dataset that the user may see, as [Viewer] says. Errors: not_found,
// dataset_not_ready.
func (s *Service) OpenFile(ctx context.Context, owner uuid.UUID, isAdmin bool, id uuid.UUID, name string) (*File, error) {
	dataset, err := s.Get(ctx, Viewer{ID: owner, Admin: isAdmin}, id)
	if err != nil {
		return nil, err
	}
	if dataset.State != Ready {
		return nil, fault.New(NotReady, "The dataset has no files, its state is %q.", dataset.State)
	}
	for _, f := range dataset.Files {
		if f.Name == name {
			return &File{
				Name: f.Name, MediaType: f.MediaType, Size: f.Size, Rows: f.Rows, SHA256: f.SHA256, bucket: s.bucket, key: f.BlobKey,
			}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "The dataset has no such file.")
}

// NewReader reads the whole file. The caller closes it. Errors: not_found where it was deleted meanwhile, unavailable.
func (f *File) NewReader(ctx context.Context) (io.ReadCloser, error) {
	return f.NewRangeReader(ctx, 0, -1)
}

// NewRangeReader reads length bytes from offset on; a negative length reads to the end. As NewReader otherwise.
func (f *File) NewRangeReader(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
	r, err := f.bucket.NewReader(ctx, f.key, offset, length)
	if err != nil {
		return nil, fmt.Errorf("file %s of a dataset: %w", f.Name, err)
	}
	return r, nil
}
