// Package blobtest looks into the folder of a storage, for tests. A file that is removed while it looks isn't there; a
// folder that is missing fails the test.
package blobtest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Tree is all that lies in a folder: contents by their paths, with slashes.
func Tree(t testing.TB, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, key := range Keys(t, folder) {
		raw, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(key)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		all[key] = string(raw)
	}
	return all
}

// Keys are the paths of all files in a folder, in order.
func Keys(t testing.TB, folder string) []string {
	t.Helper()
	keys := []string{}
	require.NoError(t, filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) && path != folder {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		keys = append(keys, filepath.ToSlash(rel))
		return err
	}))
	return keys
}
