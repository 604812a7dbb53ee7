package scheduler

import (
	"context"
	"time"
)

// again is how soon a schedule is looked at again that another scheduler has in hand: should that one die, nobody waits
// for longer.
const again = 50 * time.Millisecond

// tick fires schedules when they are due. The built-in ones are put there first, by whichever scheduler comes first.
func (s *Scheduler) tick(ctx context.Context) {
	seeded, failing := false, false
	for {
		wait, err := s.fire(ctx, &seeded)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			s.log.Warn("schedules can't be looked at, the scheduler goes on trying", "err", err)
		case err == nil && failing:
			s.log.Info("schedules can be looked at again")
		}
		failing = err != nil
		switch {
		case failing:
			wait = s.cfg.Look
		case wait <= 0:
			wait = again
		}
		timer := time.NewTimer(min(wait, s.cfg.Look))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// fire fires what is due. Schedules that others made are fired also where the built-in ones can't be put there.
func (s *Scheduler) fire(ctx context.Context, seeded *bool) (time.Duration, error) {
	var trouble error
	if !*seeded {
		trouble = s.schedules.Seed(ctx, Builtin())
		*seeded = trouble == nil
	}
	wait, err := s.schedules.Fire(ctx)
	if err == nil {
		err = trouble
	}
	return wait, err
}
