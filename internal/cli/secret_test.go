package cli

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

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
