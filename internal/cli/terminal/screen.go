// Package terminal shows what a command found: tables and bars to people, JSON to programs. It asks before what can't be
// undone, and turns an error into a sentence and an exit code.
//
// What was asked for goes to the output, everything else (bars, questions, hints, errors) beside it, so that the output
// can be piped. What is cut to the width of a terminal, or written over, is so on a terminal only.
package terminal

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// Screen is where a command shows things.
type Screen struct {
	In   io.Reader
	Out  io.Writer // what was asked for
	Err  io.Writer // everything else
	JSON bool      // for programs
	// Width is how many columns a line of Out has, 0 where Out is no terminal.
	Width int
	// BarWidth is the same of Err, where a line can be written over.
	BarWidth int
	// Asks is whether somebody can be asked: In and Err are terminals.
	Asks bool
	// Zone is the time zone that people are shown times in.
	Zone *time.Location
}

// New makes the screen of a process.
func New(in, out, err *os.File) *Screen {
	s := &Screen{In: in, Out: out, Err: err, Width: width(out), BarWidth: width(err), Zone: time.Local}
	s.Asks = s.BarWidth > 0 && term.IsTerminal(int(in.Fd()))
	return s
}

// width is that of a terminal, and 0 for anything else.
func width(f *os.File) int {
	if !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns <= 0 {
		return 80 // a terminal that doesn't tell
	}
	return columns
}

// Say tells people a sentence that is the answer. Programs get a document instead, see [Screen.Document].
func (s *Screen) Say(format string, args ...any) {
	fmt.Fprintln(s.Out, Clean(fmt.Sprintf(format, args...)))
}

// Hint tells people something beside the answer.
func (s *Screen) Hint(format string, args ...any) {
	if !s.JSON {
		fmt.Fprintln(s.Err, Clean(fmt.Sprintf(format, args...)))
	}
}
