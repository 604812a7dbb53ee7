package datasets

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"rohrpost/db"
)

// sinkBuffer is what is handed to the storage at once; a pipe would hand over every line.
const sinkBuffer = 128 << 10

// errAborted ends a write to the storage that is of no use any more.
var errAborted = errors.New("the export was given up")

// sink is a file on its way to the storage. It belongs to one goroutine, and has one of its own until it is finished or
// aborted.
type sink struct {
	file   db.InsertDatasetFileParams
	lines  *bufio.Writer
	hash   hash.Hash
	pipe   *io.PipeWriter
	stored chan struct{} // closed when the storage has all of it, or failed
	err    error         // why it failed; to be read when stored is closed
	over   bool
}

// sink opens a file of the dataset.
func (e *export) sink(ctx context.Context, name, mediaType string) *sink {
	r, w := io.Pipe()
	s := &sink{
		file: db.InsertDatasetFileParams{
			DatasetID: e.dataset.ID, Name: name, MediaType: mediaType, BlobKey: keyOf(e.dataset.ID, e.run.Epoch(), name),
		},
		hash: sha256.New(), pipe: w, stored: make(chan struct{}),
	}
	s.lines = bufio.NewWriterSize(passing{s}, sinkBuffer)
	go func() {
		s.err = e.bucket.Put(ctx, s.file.BlobKey, mediaType, r)
		r.CloseWithError(s.err) // a writer that still writes is told so
		close(s.stored)
	}()
	return s
}

// passing counts and hashes what goes to the storage.
type passing struct{ *sink }

func (p passing) Write(b []byte) (int, error) {
	n, err := p.pipe.Write(b)
	p.file.Size += int64(n)
	p.hash.Write(b[:n])
	return n, err
}

// write adds a row, with the newline that ends it. Errors are those of the storage.
func (s *sink) write(line []byte) error {
	if _, err := s.lines.Write(line); err != nil {
		return fmt.Errorf("write %s: %w", s.file.Name, err)
	}
	s.file.Rows++
	return nil
}

// finish returns the file once it is in the storage for good.
func (s *sink) finish() (db.InsertDatasetFileParams, error) {
	if err := s.lines.Flush(); err != nil {
		return s.file, fmt.Errorf("write %s: %w", s.file.Name, err)
	}
	s.over = true
	_ = s.pipe.Close() // it always returns nil
	<-s.stored
	if s.err != nil {
		return s.file, fmt.Errorf("write %s: %w", s.file.Name, s.err)
	}
	s.file.SHA256 = s.hash.Sum(nil)
	return s.file, nil
}

// abort leaves nothing of a file that was not finished.
func (s *sink) abort() {
	if s.over {
		return
	}
	s.over = true
	_ = s.pipe.CloseWithError(errAborted) // it always returns nil
	<-s.stored
}
