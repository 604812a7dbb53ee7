package schedule

import (
	"context"
	"fmt"

	"rohrpost/db"
)

// Seed puts the built-in schedules there. One that is there already follows what this release says, unless somebody
// changed it; a schedule of the same name that somebody made is left alone, and so is one of a kind that this process
// doesn't start. Any number of processes may call it.
func (s *Service) Seed(ctx context.Context, builtin []Spec) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	now, err := s.now(ctx, s.pool)
	if err != nil {
		return err
	}
	for _, spec := range builtin {
		if _, started := s.kinds[spec.Kind]; !started {
			continue
		}
		spec, table, err := s.check(spec)
		if err != nil {
			return fmt.Errorf("built-in schedule %s: %w", spec.Name, err)
		}
		n, err := s.queries.SeedSchedule(ctx, s.pool, db.SeedScheduleParams{
			Name: spec.Name, Cron: spec.Cron, Zone: spec.Zone, Kind: spec.Kind, Args: spec.Args, CatchUp: spec.CatchUp,
			NextAt: table.Next(now),
		})
		if err != nil {
			return fmt.Errorf("built-in schedule %s: %w", spec.Name, err)
		}
		if n > 0 {
			s.log.Info("built-in schedule set", "schedule", spec.Name, "cron", spec.Cron, "zone", spec.Zone)
		}
	}
	return nil
}
