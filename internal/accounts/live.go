package accounts

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"rohrpost/db"
	"rohrpost/internal/batch"
)

// lookTogether bounds the sessions in one look: each costs PostgreSQL two rows by key, and their answers wait for the last.
const lookTogether = 128

// sessions looks sessions up: those that are asked for while a look is under way share the next one. So each answer is of
// a look that began after it was asked for, and nothing is remembered.
type sessions = batch.Group[uuid.UUID, *db.LiveSessionsRow]

func joinSessions(pool *db.Pool, queries *db.Queries) *sessions {
	return batch.New(lookTogether, queryTimeout, func(ctx context.Context, asked []uuid.UUID) ([]*db.LiveSessionsRow, error) {
		rows, err := queries.LiveSessions(ctx, pool, distinct(asked))
		if err != nil {
			return nil, err
		}
		live := make(map[uuid.UUID]*db.LiveSessionsRow, len(rows))
		for i, row := range rows {
			live[row.ID] = &rows[i]
		}
		found := make([]*db.LiveSessionsRow, len(asked))
		for i, id := range asked {
			found[i] = live[id]
		}
		return found, nil
	})
}

func distinct(ids []uuid.UUID) []uuid.UUID {
	sorted := slices.SortedFunc(slices.Values(ids), func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(sorted)
}

// live is a session that goes on, nil where it does not.
func (s *Service) live(ctx context.Context, session uuid.UUID) (_ *db.LiveSessionsRow, err error) {
	end := db.Shared(ctx, "LiveSessions")
	defer func() { end(err) }()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("session %s: %w", session, err)
	}
	found, err := s.sessions.Do(session)
	if err != nil {
		return nil, fmt.Errorf("session %s: %w", session, err)
	}
	return found, nil
}

// Live tells whether a session goes on: it was neither revoked nor has it expired.
func (s *Service) Live(ctx context.Context, session uuid.UUID) (bool, error) {
	found, err := s.live(ctx, session)
	return found != nil, err
}
