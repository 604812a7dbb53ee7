package files

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
)

func TestEveryKeyOfAFileIsReadAsItsOwn(t *testing.T) {
	t.Parallel()
	file := db.File{ID: uuid.MustParse("019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11"), Moves: 12}
	keys := allKeys(file)
	require.Len(t, keys, 14*5)
	for _, key := range keys {
		p, ok := parseKey(key)
		require.True(t, ok, key)
		require.Equal(t, file.ID, p.id, key)
		require.LessOrEqual(t, p.moves, file.Moves+1)
	}
	require.Contains(t, keys, "uploads/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11")
	require.Contains(t, keys, "quarantine/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11-13")
	require.Contains(t, keys, "thumbnails/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11-2-small")
	for _, other := range []string{
		"", "uploads/11/", "uploads/12/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11", "backups/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11",
		"uploads/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11-0", "uploads/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11-small",
		"thumbnails/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11", "thumbnails/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11-huge",
		"uploads/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11.bak", "quarantine/11/019c2f6e-7a50-7cc0-9d27-1c7f6a0e5b11-9999999999",
	} {
		_, ok := parseKey(other)
		require.False(t, ok, other)
	}
}
