package files

import (
	"hash"
	"io"
)

// measured counts and hashes what is read, and ends with tooLarge at the first byte too many.
type measured struct {
	r        io.Reader
	hash     hash.Hash
	n, left  int64
	tooLarge error
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.r.Read(p[:min(int64(len(p)), m.left+1)])
	if int64(n) > m.left {
		return 0, m.tooLarge
	}
	m.left -= int64(n)
	m.n += int64(n)
	m.hash.Write(p[:n])
	return n, err
}
