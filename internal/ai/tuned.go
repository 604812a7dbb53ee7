package ai

import (
	"context"
	"fmt"
	"sync"
	"time"

	"rohrpost/db"
)

// tunedFor is how long the list of tuned models is believed. In that time, questions to a model that was just tuned, or
// just deleted, count against the bound of another server. Who answers them is looked up when they are put.
const tunedFor = time.Second

// tunedModels are the names of the models at the service where they were tuned, as of a moment ago. Every question needs
// them, and they change a few times a day. Its zero value is ready.
type tunedModels struct {
	mu    sync.Mutex // guards the rest; held while they are read, so that they are read once for all who wait
	names map[string]struct{}
	at    time.Time // when they were read
}

func (t *tunedModels) has(ctx context.Context, pool *db.Pool, name string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.at) >= tunedFor {
		names, err := db.New().ModelNamesAt(ctx, pool, Tuned)
		if err != nil {
			return false, fmt.Errorf("tuned models: %w", err)
		}
		t.names, t.at = make(map[string]struct{}, len(names)), now
		for _, name := range names {
			t.names[name] = struct{}{}
		}
	}
	_, found := t.names[name]
	return found, nil
}
