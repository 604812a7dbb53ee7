package chaos

import (
	"context"
	"time"

	"rohrpost/internal/pause"
)

const (
	meterEvery  = time.Second
	meterWithin = 2 * time.Second // one look; PostgreSQL may be away
	sayEvery    = 15              // looks
)

// meter watches how much there is to do: the bank gives no more than can be done, and people see that it goes on.
type meter struct {
	stage *stage
	bank  *bank
	began time.Time
	say   func(format string, args ...any)
}

// run looks until ctx ends.
func (m *meter) run(ctx context.Context) {
	said, at := 0, m.began
	for looks := 1; pause.For(ctx, meterEvery) == nil; looks++ {
		left, err := m.look(ctx)
		if err != nil {
			continue // the next look may have more luck
		}
		if looks%sayEvery == 0 {
			taken, now := m.bank.taken(), time.Now()
			m.say("%8s  %d transfers accepted, %.0f a second of late; %d jobs unfinished",
				seconds(now.Sub(m.began)), taken, float64(taken-said)/now.Sub(at).Seconds(), left)
			said, at = taken, now
		}
	}
}

func (m *meter) look(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, meterWithin)
	defer cancel()
	left, err := m.stage.unfinished(ctx, ever)
	if err == nil {
		m.bank.toDo(left)
	}
	return left, err
}
