package terminal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"rohrpost/internal/fault"
)

// Confirm asks whether to do what is described, in a sentence that says what will happen. Who has said yes in advance is
// not asked; where nobody can be, nothing happens, and the error says so.
func (s *Screen) Confirm(ctx context.Context, yes bool, what string, args ...any) error {
	what = Clean(fmt.Sprintf(what, args...))
	if yes {
		return nil
	}
	if !s.Asks {
		return Misused("%s There is no terminal to ask on: say --yes to have it done.", what)
	}
	fmt.Fprint(s.Err, what, " Go on? [y/N] ")
	answer, err := interruptible(ctx, func() (string, error) { return bufio.NewReader(s.In).ReadString('\n') })
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return fault.New(fault.Cancelled, "Nothing was done.")
}

// Secret reads a line that must not be seen: typed blindly on a terminal, the first line of the input elsewhere.
func (s *Screen) Secret(ctx context.Context, prompt string) (string, error) {
	if in, ok := s.In.(*os.File); ok && s.Asks {
		fmt.Fprint(s.Err, prompt)
		secret, err := blind(ctx, int(in.Fd()))
		fmt.Fprintln(s.Err)
		return string(secret), err
	}
	line, err := bufio.NewReader(s.In).ReadString('\n')
	if line != "" && errors.Is(err, io.EOF) {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// blind reads without an echo, which comes back also where ctx ends first.
func blind(ctx context.Context, fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("terminal: %w", err)
	}
	secret, err := interruptible(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // what could be done about it is to close the terminal, and its user will
	}
	return secret, err
}

// interruptible runs read, which can't be stopped, and leaves it behind where ctx ends first: the process ends, too.
func interruptible[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := read()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}
