package files

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Folders are where in the storage the content of files lies: each kind of content in 256 folders.
func Folders() []string {
	var all []string
	for _, kind := range []string{"uploads", "quarantine", "thumbnails"} {
		for i := range 256 {
			all = append(all, fmt.Sprintf("%s/%02x/", kind, i))
		}
	}
	return all
}

// Unnamed returns which of the keys in [Folders] nobody will ask for any more: those of files that there are not, of
// thumbnails that did not make it into the record, and of what was left half written. The content of a file whose jobs
// may still run, or run again, is theirs. A key that isn't of this package's making is never among them.
func (s *Service) Unnamed(ctx context.Context, keys []string) ([]string, error) {
	var ids []uuid.UUID
	for _, key := range keys {
		if id, ok := ofFile(key); ok {
			ids = append(ids, id)
		}
	}
	found, err := s.queries.FilesByIDs(ctx, s.pool, ids)
	if err != nil {
		return nil, fmt.Errorf("files in the storage: %w", err)
	}
	thumbs, err := s.queries.ThumbnailsByFiles(ctx, s.pool, ids)
	if err != nil {
		return nil, fmt.Errorf("thumbnails in the storage: %w", err)
	}
	there, settled, named := map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[string]bool{}
	for _, file := range found {
		there[file.ID] = true
		settled[file.ID] = file.ThumbnailStatus == ThumbnailsReady || file.ThumbnailStatus == ThumbnailsNone
	}
	for _, t := range thumbs {
		named[t.BlobKey] = true
	}
	var unnamed []string
	for _, key := range keys {
		id, ok := ofFile(key)
		switch {
		case !ok:
			if halfWritten(key) {
				unnamed = append(unnamed, key)
			}
		case !there[id], strings.HasPrefix(key, "thumbnails/") && settled[id] && !named[key]:
			unnamed = append(unnamed, key)
		}
	}
	return unnamed, nil
}

// ofFile is the file that a key belongs to; false if the key is none of those that a file may have.
func ofFile(key string) (uuid.UUID, bool) {
	const length = len("00000000-0000-0000-0000-000000000000")
	name := path.Base(key)
	if len(name) < length {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(name[:length])
	if err != nil {
		return uuid.Nil, false
	}
	return id, slices.Contains(allKeys(id), key)
}

// halfWritten tells what [blob.Bucket.Put] leaves in a folder when the process dies: a key, a number and .tmp.
func halfWritten(key string) bool {
	whole, ok := strings.CutSuffix(key, ".tmp")
	if !ok {
		return false
	}
	_, ok = ofFile(strings.TrimSuffix(whole, path.Ext(whole)))
	return ok
}
