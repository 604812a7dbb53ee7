package files

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/google/uuid"

	"rohrpost/db"
)

// Folders are where in the storage the content of files lies: each kind of content in 256 folders.
func Folders() []string {
	var all []string
	for _, place := range []string{uploads, quarantine, thumbnails} {
		for i := range 256 {
			all = append(all, fmt.Sprintf("%s/%02x/", place, i))
		}
	}
	return all
}

// Unnamed returns which of the keys in [Folders] nobody will ask for any more: those of files that there are not, of
// places that content has moved on from, of thumbnails that did not make it into the record, and of what was left half
// written. The content of a file whose jobs may still run, or run again, is theirs. A key that isn't of this package's
// making is never among them.
func (s *Service) Unnamed(ctx context.Context, keys []string) ([]string, error) {
	var ids []uuid.UUID
	for _, key := range keys {
		if p, ok := parseKey(key); ok {
			ids = append(ids, p.id)
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
	there, named := map[uuid.UUID]db.FilesByIDsRow{}, map[string]bool{}
	for _, file := range found {
		there[file.ID], named[file.BlobKey] = file, true
	}
	for _, t := range thumbs {
		named[t.BlobKey] = true
	}
	var unnamed []string
	for _, key := range keys {
		p, ok := parseKey(key)
		if !ok {
			if halfWritten(key) {
				unnamed = append(unnamed, key)
			}
			continue
		}
		if file, known := there[p.id]; !known || !named[key] && left(file, p) {
			unnamed = append(unnamed, key)
		}
	}
	return unnamed, nil
}

// GiveUp has the keys in [Folders] that a move left, which did not come to its end, become unnamed: the file's next move goes
// elsewhere. A move that is just under way is begun again.
func (s *Service) GiveUp(ctx context.Context, keys []string) error {
	var params db.GiveUpMovesParams
	for _, key := range keys {
		// Only one that lies where the next move would go is given up, so it can't be named.
		if p, ok := parseKey(key); ok && p.place != thumbnails && p.moves > 0 {
			params.Ids, params.Moves = append(params.Ids, p.id), append(params.Moves, p.moves-1)
		}
	}
	if err := s.queries.GiveUpMoves(ctx, s.pool, params); err != nil {
		return fmt.Errorf("give up moves: %w", err)
	}
	return nil
}

// left tells that no job writes to a key any more. Where the content would go with the next move, one may be at work.
func left(file db.FilesByIDsRow, p parsedKey) bool {
	if p.place != thumbnails {
		return p.moves <= file.Moves
	}
	return p.moves < file.Moves || file.ThumbnailStatus == ThumbnailsReady || file.ThumbnailStatus == ThumbnailsNone
}

// halfWritten tells what [blob.Bucket.Put] leaves in a folder when the process dies: a key, a number and .tmp.
func halfWritten(key string) bool {
	whole, ok := strings.CutSuffix(key, ".tmp")
	if !ok {
		return false
	}
	_, ok = parseKey(strings.TrimSuffix(whole, path.Ext(whole)))
	return ok
}
