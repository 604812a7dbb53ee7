package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// newLog writes lines for people on a terminal, and JSON for collectors anywhere else. An empty level is info.
func newLog(w io.Writer, terminal bool, level string) (*slog.Logger, error) {
	var l slog.Level
	if level != "" {
		if err := l.UnmarshalText([]byte(level)); err != nil {
			return nil, fault.New(fault.Invalid, "LOG_LEVEL is %q, it may be debug, info, warn or error", level)
		}
	}
	options := &slog.HandlerOptions{Level: l}
	if terminal {
		return slog.New(tracing.Log(slog.NewTextHandler(w, options))), nil
	}
	return slog.New(tracing.Log(slog.NewJSONHandler(w, options))), nil
}

// redisLog brings what go-redis has to say into our log: lost connections, mostly, that it is about to replace.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.DebugContext(ctx, "redis", "says", fmt.Sprintf(format, args...))
}

// complain tells why the process ends: a sentence on a terminal, a line of the log elsewhere.
func complain(w io.Writer, terminal bool, err error) {
	if terminal {
		fmt.Fprintln(w, "rohrpost:", err)
		return
	}
	slog.New(slog.NewJSONHandler(w, nil)).Error("rohrpost ends", "err", err)
}
