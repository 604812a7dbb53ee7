// Package clamtest packs files for tests of scans.
package clamtest

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Zip is a zip with one file.
func Zip(t testing.TB, name string, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.Create(name)
	require.NoError(t, err)
	_, err = f.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// EncryptedZip is a zip whose one file says that it needs a password, with noise for content.
func EncryptedZip(t testing.TB) []byte {
	t.Helper()
	noise := []byte(strings.Repeat("only somebody with the password would know", 3))
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	f, err := w.CreateRaw(&zip.FileHeader{
		Name: "secret.txt", Method: zip.Store, Flags: 1, CRC32: crc32.ChecksumIEEE(noise),
		CompressedSize64: uint64(len(noise)), UncompressedSize64: uint64(len(noise) - 12),
	})
	require.NoError(t, err)
	_, err = f.Write(noise)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

// Gzip is content compressed.
func Gzip(t testing.TB, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(content)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}
