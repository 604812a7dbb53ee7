package cli

import (
	"context"

	"github.com/spf13/cobra"

	"rohrpost/scheduler"
)

func (s shell) schedulerCommand() *cobra.Command {
	var own scheduler.Config
	return &cobra.Command{
		Use:   "scheduler",
		Short: "Dispatch what is due and find what was lost; one is needed, any number may run",
		Args:  cobra.NoArgs,
		RunE: s.run(houseNeeds, &own, func(ctx context.Context, p *process, cfg commonConfig) error {
			h, err := p.openHouse(ctx, cfg.House)
			if err != nil {
				return err
			}
			p.startScheduler(ctx, h, own)
			return nil
		}),
	}
}
