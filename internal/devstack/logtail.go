package devstack

import (
	"bytes"
	"io"
	"os"
)

const tailBytes, tailLines = 4096, 12 // enough for a server's reason to end, short enough for an error message

// logSince is what a server wrote from offset on.
func logSince(path string, offset int64) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	offset = max(offset, info.Size()-tailBytes)
	text, err := io.ReadAll(io.NewSectionReader(f, offset, tailBytes))
	if err != nil {
		return nil
	}
	return text
}

// tail is the last lines of text.
func tail(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	return string(bytes.Join(lines, []byte("\n")))
}
