// Command river puts River on trial for `rohrpost bench jobs --peer`, see package trial of Rohrpost. It has a module of
// its own so that River never enters Rohrpost's.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"

	"rohrpost/internal/bench/trial"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := trial.Serve(ctx, os.Stdin, os.Stdout, open); err != nil {
		slog.Error("river on trial", "err", err)
		os.Exit(1)
	}
}
