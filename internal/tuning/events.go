package tuning

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/openai"
)

const (
	// EventType is the type of an event of the service on the job's live stream.
	EventType = "tuning"

	maxEventPages = 100 // of one look: ten thousand events
	tellAtOnce    = 100
)

// Event is what the service told of a tuning. Seq counts them from 1.
type Event struct {
	TuningID uuid.UUID       `json:"tuning_id"`
	Seq      int64           `json:"seq"`
	ID       string          `json:"id"` // the service's
	At       time.Time       `json:"at"`
	Level    string          `json:"level"`
	Message  string          `json:"message"`
	Data     json.RawMessage `json:"data,omitempty"`
}

// hear puts the service's new events on record and tells them. last looks at all of them again, so that none is missed
// by the order in which the service lists them. It returns whether there was news.
func (w *work) hear(ctx context.Context, last bool) (bool, error) {
	events, err := w.newEvents(ctx, last)
	if err != nil {
		return false, err
	}
	if len(events) > 0 {
		if err := w.keep(ctx, events); err != nil {
			return false, err
		}
	}
	return len(events) > 0, w.tell(ctx)
}

// newEvents are the events that are not on record, the oldest first. Services list the newest first, as OpenAI does, and
// then what is behind a known one is known, or the oldest first.
func (w *work) newEvents(ctx context.Context, last bool) ([]openai.Event, error) {
	var fresh []openai.Event
	after, descending := "", true
	for range maxEventPages {
		page, more, err := w.Remote.Events(ctx, *w.t.RemoteJob, after)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		ids := make([]string, len(page))
		for i, e := range page {
			ids[i] = e.ID
		}
		known, err := w.queries.KnownTuningEvents(ctx, w.Pool, db.KnownTuningEventsParams{
			TuningID: w.t.ID, Round: w.t.Round, RemoteIds: ids,
		})
		if err != nil {
			return nil, fmt.Errorf("known events: %w", err)
		}
		for _, e := range page {
			if !slices.Contains(known, e.ID) {
				fresh = append(fresh, e)
			}
		}
		end := page[len(page)-1]
		descending = descending && !end.At.After(page[0].At)
		if !more || end.ID == after || descending && len(known) > 0 && !last {
			break
		}
		after = end.ID
	}
	if descending {
		slices.Reverse(fresh)
	}
	slices.SortStableFunc(fresh, func(a, b openai.Event) int { return a.At.Compare(b.At) })
	return fresh, nil
}

func (w *work) keep(ctx context.Context, events []openai.Event) error {
	err := db.InTx(ctx, w.Pool, func(tx pgx.Tx) error {
		for _, e := range events {
			if _, err := w.queries.InsertTuningEvent(ctx, tx, db.InsertTuningEventParams{
				TuningID: w.t.ID, Round: w.t.Round, RemoteID: e.ID, At: e.At, Level: e.Level, Message: e.Message, Data: e.Data,
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record events of tuning %s: %w", w.t.ID, err)
	}
	return nil
}

// tell puts the recorded events that were not told yet on the job's stream, each once. While Redis is away they wait; they
// are on record.
func (w *work) tell(ctx context.Context) error {
	for {
		events, err := w.queries.TuningEventsAfter(ctx, w.Pool, db.TuningEventsAfterParams{
			TuningID: w.t.ID, Round: w.t.Round, After: w.t.EventsTold, PageSize: tellAtOnce,
		})
		if err != nil {
			return fmt.Errorf("events of tuning %s: %w", w.t.ID, err)
		}
		for _, e := range events {
			key := fmt.Sprintf("tuning.%d.%d", w.t.Round, e.Seq)
			if err := w.run.EventOnce(ctx, key, EventType, shown(e)); err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				w.run.Log().Warn("events of the tuning service are told later", "err", err)
				return nil
			}
			w.t.EventsTold = e.Seq
		}
		if len(events) > 0 {
			if _, err := w.queries.TuningEventsTold(ctx, w.Pool, db.TuningEventsToldParams{
				ID: w.t.ID, Round: w.t.Round, Seq: w.t.EventsTold,
			}); err != nil {
				return fmt.Errorf("record what was told of tuning %s: %w", w.t.ID, err)
			}
		}
		if len(events) < tellAtOnce {
			return nil
		}
	}
}

func shown(e db.TuningEvent) Event {
	return Event{
		TuningID: e.TuningID, Seq: e.Seq, ID: e.RemoteID, At: e.At.UTC(), Level: e.Level, Message: e.Message, Data: e.Data,
	}
}
