package tuning

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// maxEvents is how many events a tuning is shown with, the first ones.
const maxEvents = 1000

// Tuning is a tuning as it is on record.
type Tuning struct {
	db.Tuning
	Hyperparameters Hyperparameters
	EventCount      int64
	Events          []Event // of Get alone: the first thousand
}

// Filter picks tunings for List.
type Filter struct {
	State  *string
	Before uuid.UUID // older than this one; zero is from the newest
	Limit  int32
}

// States are all that a tuning can be in.
func States() []string {
	return []string{
		stateQueued, stateUploading, stateCreating, stateTuning, stateSucceeded, stateFailed, stateCancelled,
	}
}

// List returns tunings, the newest first.
func (s *Service) List(ctx context.Context, f Filter) ([]Tuning, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if f.Before == uuid.Nil {
		f.Before = uuid.Max
	}
	rows, err := s.queries.TuningsBefore(ctx, s.Pool, db.TuningsBeforeParams{Before: f.Before, State: f.State, PageSize: f.Limit})
	if err != nil {
		return nil, fmt.Errorf("list tunings: %w", err)
	}
	return s.counted(ctx, rows)
}

// Get returns a tuning with its events. An unknown one is not_found.
func (s *Service) Get(ctx context.Context, id uuid.UUID) (Tuning, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	row, err := s.queries.TuningByID(ctx, s.Pool, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Tuning{}, fault.New(fault.NotFound, "There is no such tuning.")
	}
	if err != nil {
		return Tuning{}, fmt.Errorf("tuning %s: %w", id, err)
	}
	all, err := s.counted(ctx, []db.Tuning{row})
	if err != nil {
		return Tuning{}, err
	}
	events, err := s.queries.TuningEventsAfter(ctx, s.Pool, db.TuningEventsAfterParams{
		TuningID: id, Round: row.Round, PageSize: maxEvents,
	})
	if err != nil {
		return Tuning{}, fmt.Errorf("events of tuning %s: %w", id, err)
	}
	for _, e := range events {
		all[0].Events = append(all[0].Events, shown(e))
	}
	return all[0], nil
}

func (s *Service) counted(ctx context.Context, rows []db.Tuning) ([]Tuning, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	counts, err := s.queries.CountTuningEvents(ctx, s.Pool, ids)
	if err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	all := make([]Tuning, len(rows))
	for i, row := range rows {
		hyper, err := hyperparameters(row)
		if err != nil {
			return nil, err
		}
		all[i] = Tuning{Tuning: row, Hyperparameters: hyper}
		for _, c := range counts {
			if c.TuningID == row.ID {
				all[i].EventCount = c.Events
			}
		}
	}
	return all, nil
}
