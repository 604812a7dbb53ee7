package terminal

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"rohrpost/internal/fault"
)

// The exit codes.
const (
	OK          = 0
	Failure     = 1   // it was tried, or refused
	Misuse      = 2   // what was typed can't be understood, so nothing was tried
	Interrupted = 130 // Ctrl-C, as shells say it
)

// Problem is an error that a program can tell by its code, also where the code is another process's.
type Problem struct {
	Code    string
	Message string
	Exit    int
}

func (p Problem) Error() string { return p.Message }

// Misused is the error of a command line that can't be understood.
func Misused(format string, args ...any) error {
	return Problem{Code: "usage", Message: fmt.Sprintf(format, args...), Exit: Misuse}
}

// ExitCode is what a process ends with.
func ExitCode(err error) int {
	var p Problem
	switch {
	case err == nil:
		return OK
	case errors.As(err, &p):
		return p.Exit
	}
	return Failure
}

// Explain is the code of an error and what it says to who runs the command: what the API would tell of it, and all of it
// where the API would keep the cause to the log.
func Explain(err error) (code, message string) {
	var p Problem
	if errors.As(err, &p) {
		return p.Code, p.Message
	}
	return string(fault.CodeOf(err)), strings.Join(slices.Compact(sentences(err)), "; ")
}

func sentences(err error) []string {
	switch e := err.(type) { //nolint:errorlint // the chain is walked here
	case *fault.Error:
		if e.Code != fault.Internal {
			return []string{e.Message}
		}
	case interface{ Unwrap() []error }:
		var all []string
		for _, one := range e.Unwrap() {
			all = append(all, sentences(one)...)
		}
		return all
	case interface{ Unwrap() error }:
		if fault.CodeOf(err) != fault.Internal && e.Unwrap() != nil {
			return sentences(e.Unwrap())
		}
	}
	return []string{strings.ReplaceAll(err.Error(), "\n", "; ")}
}

// Complain tells why the command failed.
func (s *Screen) Complain(err error) {
	code, message := Explain(err)
	if !s.JSON {
		fmt.Fprintln(s.Err, "rohrpost:", Clean(message))
		return
	}
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	_ = write(s.Err, map[string]problem{"error": {code, message}}, false) // there is nowhere else to complain
}
