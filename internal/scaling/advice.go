package scaling

import (
	"context"
	"fmt"
	"time"

	"rohrpost/db"
)

// Advice is how many workers there should be.
type Advice struct {
	// At is when it was looked at last; zero where nobody has for a while, since no scheduler runs.
	At     time.Time
	Window time.Duration // for which a number is kept after it was wanted last
	Groups []Advised     // in the order of their names
}

// Advised is how many workers one group should have.
type Advised struct {
	Group   string
	Queues  []string // whose work is counted here
	Living  int      // workers, as of Advice.At
	Desired int
	Bounds
	Reason string
}

// Advice tells how many workers there should be, as a scheduler wrote it down.
func (s *Service) Advice(ctx context.Context) (Advice, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	rows, err := db.New().ScalingAdviceSince(ctx, s.pool, time.Now().Add(-s.plan.window-s.plan.every))
	if err != nil {
		return Advice{}, fmt.Errorf("advice on workers: %w", err)
	}
	return s.plan.settle(rows, time.Now()), nil
}

// staleAfter is how many looks may fail before nobody believes the last one.
const staleAfter = 4

// settle makes advice of what was wanted, the newest first: for each group that was looked at last, the most that was
// wanted within the window before.
func (p plan) settle(rows []db.ScalingAdvice, now time.Time) Advice {
	advice := Advice{Window: p.window}
	if len(rows) == 0 || now.Sub(rows[0].Tick) > staleAfter*p.every+statementTimeout {
		return advice
	}
	advice.At = rows[0].Tick
	most := map[string]db.ScalingAdvice{}
	for _, row := range rows {
		if row.Tick.Equal(advice.At) {
			advice.Groups = append(advice.Groups, Advised{
				Group: row.GroupName, Queues: row.Queues, Living: int(row.Living), Desired: int(row.Wanted),
				Bounds: Bounds{int(row.Least), int(row.Most)}, Reason: row.Reason,
			})
		}
		if advice.At.Sub(row.Tick) < p.window && row.Wanted > most[row.GroupName].Wanted {
			most[row.GroupName] = row
		}
	}
	for i := range advice.Groups {
		g := &advice.Groups[i]
		if kept := most[g.Group]; int(kept.Wanted) > g.Desired {
			g.Reason += fmt.Sprintf(" %s kept until %s without need, as at %s: %s", number(int(kept.Wanted)),
				kept.Tick.Add(p.window).UTC().Format(time.TimeOnly), kept.Tick.UTC().Format(time.TimeOnly), kept.Reason)
			g.Desired = int(kept.Wanted)
		}
	}
	return advice
}
