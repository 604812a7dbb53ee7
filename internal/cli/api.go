package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"rohrpost/api"
)

// apiNeeds are the variables without which the api doesn't work.
var apiNeeds = append(slices.Clone(houseNeeds), "AUTH_SECRET")

func (s shell) apiCommand() *cobra.Command {
	var own api.Config
	return &cobra.Command{
		Use:   "api",
		Short: "Answer HTTP on API_ADDR (127.0.0.1:8080); any number may run",
		Args:  cobra.NoArgs,
		RunE: s.run(apiNeeds, &own, func(ctx context.Context, p *process, cfg commonConfig) error {
			listener, err := p.listen(ctx, own)
			if err != nil {
				return err
			}
			cfg.House.DB = cfg.House.DB.ForAPI()
			h, err := p.openHouse(ctx, cfg.House)
			if err != nil {
				return err
			}
			users, err := h.openAccounts(cfg.House.Accounts)
			if err != nil {
				return err
			}
			return p.serveAPI(ctx, h, users, own, cfg.House.Stream, listener)
		}),
	}
}
