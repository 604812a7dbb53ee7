package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/config"
)

func TestThePasswordComesFromTheEnvironmentOrTheInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ env, input, want string }{
		{"from env", "from input\n", "from env"},
		{"", "from input\r\nmore", "from input"},
		{"", "no newline", "no newline"},
		{"", "\n", ""},
	} {
		got, err := quietShell(config.Env{"ADMIN_PASSWORD": c.env}).password(strings.NewReader(c.input))
		require.NoError(t, err)
		require.Equal(t, c.want, got)
	}
	_, err := quietShell(nil).password(strings.NewReader(""))
	require.ErrorContains(t, err, "there is no password: set ADMIN_PASSWORD")
}

func TestASecretIsMadeOnceAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "auth.secret")
	first, err := keptSecret(path)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(first), 32)
	again, err := keptSecret(path)
	require.NoError(t, err)
	require.Equal(t, first, again)
}
