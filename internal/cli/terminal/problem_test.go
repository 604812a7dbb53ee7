package terminal

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
)

func TestAnErrorIsASentenceWithACodeAndAnExitCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err           error
		code, message string
		exit          int
	}{
		{fault.New(fault.NotFound, "There is no such job."), "not_found", "There is no such job.", Failure},
		{
			fmt.Errorf("job: %w", fault.Wrap(errors.New("refused"), fault.Unavailable, "The database does not answer.")),
			"unavailable", "The database does not answer.", Failure,
		},
		{fmt.Errorf("open: %w", errors.New("file is gone")), "internal", "open: file is gone", Failure},
		{
			errors.Join(fault.New(fault.Invalid, "A is not set"), fault.New(fault.Invalid, "B is not set")),
			"invalid", "A is not set; B is not set", Failure,
		},
		{fmt.Errorf("wait: %w", context.DeadlineExceeded), "timeout", "context deadline exceeded", Failure},
		{Misused("%q is no id.", "x"), "usage", `"x" is no id.`, Misuse},
		{errors.Join(Problem{"poison", "It failed.", Failure}, errors.New("close")), "poison", "It failed.", Failure},
		{Problem{"cancelled", "Interrupted.", Interrupted}, "cancelled", "Interrupted.", 130},
	} {
		code, message := Explain(c.err)
		require.Equal(t, c.code, code)
		require.Equal(t, c.message, message)
		require.Equal(t, c.exit, ExitCode(c.err))
	}
	require.Equal(t, OK, ExitCode(nil))

	s, out, beside := look(0)
	s.Complain(fault.New(fault.Conflict, "It is\x1b[2J taken."))
	s.JSON = true
	s.Complain(fault.New(fault.Conflict, "It is\x1b[2J taken."))
	require.Equal(t, "rohrpost: It is\\x1b[2J taken.\n"+
		`{"error":{"code":"conflict","message":"It is\u001b[2J taken."}}`+"\n", beside.String())
	require.Empty(t, out.String())
}
