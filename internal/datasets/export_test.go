package datasets

import (
	"context"

	"github.com/google/uuid"
)

// KeyOf is where a run writes a file.
var KeyOf = keyOf

// PurgeNow removes what nobody will ask for of a dataset.
func (s *Service) PurgeNow(ctx context.Context, id uuid.UUID) error { return s.purge(ctx, id) }
