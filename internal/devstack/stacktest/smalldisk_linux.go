package stacktest

import (
	"testing"
)

// SmallDisk is a folder on a real file system of so many bytes, for this test alone. The options are further ones of
// tmpfs.
func SmallDisk(t testing.TB, bytes int64, options ...string) string {
	t.Helper()
	d, err := stack(t).StartSmallDisk(bytes, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Stop(t.Context()) }) // it can't fail
	return d.Dir
}
