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
	paceOver    = 10              // looks over which it is counted how many jobs end
)

// meter watches how much there is to do: the bank gives no more than can be done, and people see that it goes on.
type meter struct {
	stage *stage
	bank  *bank
	began time.Time
	say   func(format string, args ...any)

	done []done // the last looks, the oldest first
}

// done is how many orders had ended at a time, as far as the looks at both sides are of one moment.
type done struct {
	at     time.Time
	orders int64
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
		m.bank.unfinished(left, m.pace(done{time.Now(), int64(m.bank.taken()) - left}))
	}
	return left, err
}

// pace is how many orders ended in a second, over the last looks.
func (m *meter) pace(now done) float64 {
	m.done = append(m.done, now)
	m.done = m.done[max(0, len(m.done)-paceOver):]
	first := m.done[0]
	return float64(now.orders-first.orders) / max(now.at.Sub(first.at).Seconds(), 1)
}
