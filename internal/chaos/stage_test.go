package chaos

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStageThatCannotBeOpenedTellsWhy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := open(ctx, "no program", t.TempDir(), needs{}, slog.New(slog.DiscardHandler))
	require.Error(t, err)
	require.Nil(t, s)
}
