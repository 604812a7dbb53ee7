package bench

import (
	"fmt"
	"io"
	"log/slog"
	"os/exec"
)

// Options says how much to measure and where to print it. Zero values work, but for Out.
type Options struct {
	Runs  int  // 0 takes 5, after a short one to warm up
	Quick bool // fewer of everything: to see that it works, and for a first impression
	Cold  bool // no run to warm up: its figures are only good to see that it works
	JSON  bool // instead of the table
	Out   io.Writer
	Log   *slog.Logger // nil keeps quiet
	// Program starts a process of Rohrpost with these arguments; nil takes the program that runs.
	Program func(args ...string) *exec.Cmd
}

const (
	usualRuns = 5
	quickRuns = 3
)

func (o Options) withDefaults() Options {
	if o.Runs <= 0 {
		o.Runs = usualRuns
		if o.Quick {
			o.Runs = quickRuns
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// tell says how far it is, to who looks at a table.
func (o Options) tell(format string, args ...any) {
	if !o.JSON {
		fmt.Fprintf(o.Out, format+"\n", args...)
	}
}
