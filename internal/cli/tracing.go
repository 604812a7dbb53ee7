package cli

import (
	"context"

	"rohrpost/internal/tracing/otlp"
)

// sendTraces has the spans of this process sent where the variables of OpenTelemetry say, until the process closes. The
// first part to start, it is the last to close, and sends what the others did at their end.
func (p *process) sendTraces(ctx context.Context, cfg otlp.Config, process string) error {
	closeAll, err := otlp.Open(ctx, cfg, process, Version(), p.log)
	if err != nil {
		return err
	}
	p.onClose("traces", closeAll)
	return nil
}
