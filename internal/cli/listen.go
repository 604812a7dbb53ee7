package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"rohrpost/api"
	"rohrpost/internal/fault"
)

// listen takes the api's address, before anything is opened that takes longer.
func (p *process) listen(ctx context.Context, cfg api.Config) (net.Listener, error) {
	addr := cfg.WithDefaults().Addr
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fault.Wrap(err, fault.Conflict, "%s is taken by another program: stop that, or set API_ADDR to another "+
			"address, such as 127.0.0.1:8090", addr)
	}
	if err != nil {
		return nil, fmt.Errorf("API_ADDR %s: %w", addr, err)
	}
	p.onClose("listener", func(context.Context) error {
		listener.Close() //nolint:errcheck // the server has closed it already, if it came to serving
		return nil
	})
	return listener, nil
}
