package terminal

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
)

func TestWhatCannotBeUndoneIsAskedFor(t *testing.T) {
	t.Parallel()
	for answer, goes := range map[string]bool{"y\n": true, "YES\n": true, " y ": true, "n\n": false, "\n": false, "": false, "x": false} {
		s, _, beside := look(80)
		s.Asks, s.In = true, strings.NewReader(answer)
		err := s.Confirm(t.Context(), false, "The backup %s is deleted.", "\x1b7")
		require.Equal(t, `The backup \x1b7 is deleted. Go on? [y/N] `, beside.String())
		require.Equal(t, goes, err == nil, "%q", answer)
		if !goes {
			require.Equal(t, fault.Cancelled, fault.CodeOf(err))
			require.Equal(t, "Nothing was done.", fault.Message(err))
		}
	}
}

func TestWhoSaidYesIsNotAskedAndWhoCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	s, _, beside := look(0)
	require.NoError(t, s.Confirm(t.Context(), true, "It is deleted."))
	err := s.Confirm(t.Context(), false, "It is deleted.")
	require.Equal(t, Misuse, ExitCode(err))
	require.ErrorContains(t, err, "It is deleted. There is no terminal to ask on: say --yes")
	require.Empty(t, beside.String())
}

func TestAQuestionIsLeftByCtrlC(t *testing.T) {
	t.Parallel()
	s, _, _ := look(80)
	in, typed := io.Pipe()
	defer typed.Close()
	s.Asks, s.In = true, in
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Confirm(ctx, false, "It is deleted."), context.Canceled)
}

func TestASecretIsTheFirstLineOfTheInput(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]string{"from input\r\nmore": "from input", "no newline": "no newline", "\n": ""} {
		s, _, beside := look(0)
		s.In = strings.NewReader(input)
		got, err := s.Secret(t.Context(), "Password: ")
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Empty(t, beside.String(), "nobody is asked where nobody types")
	}
	s, _, _ := look(0)
	_, err := s.Secret(t.Context(), "Password: ")
	require.ErrorIs(t, err, io.EOF)
}
