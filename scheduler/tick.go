package scheduler

import (
	"context"
	"time"
)

// every runs step at once and then at each tick. Trouble that lasts is logged when it begins and when it ends.
func (s *Scheduler) every(ctx context.Context, name string, pace time.Duration, step func(context.Context) error) {
	s.wg.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		failing := false
		for {
			err := step(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && !failing:
				s.log.Warn("scheduler step fails, it goes on trying", "step", name, "err", err)
			case err == nil && failing:
				s.log.Info("scheduler step works again", "step", name)
			}
			failing = err != nil
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}
