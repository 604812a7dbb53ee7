package datasets

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// Unnamed returns which of the keys in [Folders] nobody will ask for any more: those that no record names, unless the run
// that has the job now may be writing them, or a later one. A key that isn't of this package's making is never among
// them.
func (s *Service) Unnamed(ctx context.Context, keys []string) ([]string, error) {
	var ids []uuid.UUID
	for _, key := range keys {
		if id, _, ok := parseKey(key); ok {
			ids = append(ids, id)
		}
	}
	files, err := s.queries.FilesOfDatasets(ctx, s.pool, ids)
	if err != nil {
		return nil, fmt.Errorf("datasets in the storage: %w", err)
	}
	found, err := s.queries.DatasetsInStorage(ctx, s.pool, ids)
	if err != nil {
		return nil, fmt.Errorf("datasets in the storage: %w", err)
	}
	named := map[string]bool{}
	for _, file := range files {
		named[file.BlobKey] = true
	}
	over := map[uuid.UUID]int64{} // the last epoch that nobody writes under any more
	for _, d := range found {
		over[d.ID] = d.Epoch
		if d.State == Building {
			over[d.ID]--
		}
	}
	var unnamed []string
	for _, key := range keys {
		id, epoch, ok := parseKey(key)
		if !ok || named[key] {
			continue
		}
		if last, there := over[id]; !there || epoch <= last {
			unnamed = append(unnamed, key)
		}
	}
	return unnamed, nil
}
