package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheFilesAreWhatThisPackageWrites(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, write(dir))
	made, err := filepath.Glob(filepath.Join(dir, "*.json"))
	require.NoError(t, err)
	there, err := filepath.Glob("../grafana/*.json")
	require.NoError(t, err)
	require.Len(t, there, len(made), "and no other")
	for _, path := range made {
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join("../grafana", filepath.Base(path)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%s is stale: make gen writes it anew", filepath.Base(path))
	}
}

func TestEachPanelSaysWhatItShowsAndWhatToDo(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/runbooks.md")
	require.NoError(t, err)
	runbooks := map[string]bool{} // whether a panel leads there
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllSubmatch(page, -1) {
		runbooks[string(heading[1])] = false
	}
	for _, b := range all() {
		require.NotEmpty(t, b.about, b.name)
		for _, r := range b.rows {
			require.LessOrEqual(t, len(r.panels), 6, r.title)
			for _, p := range r.panels {
				at := b.name + ": " + p.title
				require.NotEmpty(t, p.title, b.name)
				require.NotEmpty(t, p.unit, at)
				require.Regexp(t, `[.)]$`, p.help, at)
				require.NotEmpty(t, p.queries, at)
				for _, q := range p.queries {
					require.NotEmpty(t, q.legend, at)
				}
				if p.runbook != "" {
					require.Contains(t, runbooks, p.runbook, at)
					runbooks[p.runbook] = true
				}
			}
		}
	}
	for runbook, led := range runbooks {
		if runbook != "ProcessDown" { // there is nothing of a process that shows nothing
			require.True(t, led, "a panel shows what the alert %s watches", runbook)
		}
	}
}
