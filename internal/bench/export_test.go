package bench

import (
	"context"

	"rohrpost/internal/bench/trial"
)

// StartPeer starts a peer without servers, and ends it.
func StartPeer(ctx context.Context, command string) error {
	p, err := startPeer(ctx, command, trial.Servers{})
	if err != nil {
		return err
	}
	return p.close()
}
