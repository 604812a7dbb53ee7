package cli

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheVersionIsTheCommit(t *testing.T) {
	t.Parallel()
	info := &debug.BuildInfo{GoVersion: "go1.26.8"}
	require.Equal(t, "of unknown commit, go1.26.8", version(info))
	info.Settings = []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.time", Value: "2026-11-24T12:00:00Z"},
		{Key: "vcs.modified", Value: "true"},
	}
	require.Equal(t, "0123456789ab-dirty of 2026-11-24T12:00:00Z, go1.26.8", version(info))
}
