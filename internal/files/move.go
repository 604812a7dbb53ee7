package files

import (
	"context"
	"fmt"

	"rohrpost/db"
)

// move copies the content of a file to a place and returns the record as it is to be: with the new key and one move more,
// or as it was where the content lies there already. The old key stays named until that is on record, so stopping here
// leaves no more than a copy that the next attempt writes over.
func (s *Service) move(ctx context.Context, file db.File, place string) (db.File, error) {
	if in(place, file) {
		return file, nil
	}
	body, err := s.bucket.NewReader(ctx, file.BlobKey, 0, -1)
	if err != nil {
		return file, fmt.Errorf("move %s to %s: %w", file.ID, place, err)
	}
	defer body.Close() //nolint:errcheck // only read
	media := file.MediaType
	if place == quarantine {
		media = "application/octet-stream" // nobody is to open it by its type
	}
	key := contentKey(place, file.ID, file.Moves+1)
	if err := s.bucket.Put(ctx, key, media, body); err != nil {
		return file, fmt.Errorf("move %s to %s: %w", file.ID, place, err)
	}
	file.BlobKey, file.Moves = key, file.Moves+1
	return file, nil
}
