package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	gcblob "gocloud.dev/blob"

	"rohrpost/internal/tracing"
)

// copyBytes is the memory of one transfer: large enough that system calls don't count, small enough for hundreds at
// once.
const copyBytes = 128 << 10

// ReadError is what [Bucket.Put] returns when the source failed and not the storage.
type ReadError struct{ Err error }

func (e *ReadError) Error() string { return e.Err.Error() }

// Unwrap returns the source's error.
func (e *ReadError) Unwrap() error { return e.Err }

// Put stores what r yields under key, in place of what was there, and returns once it would survive a power cut. After
// an error there is nothing new under key, and nothing else is left. Errors: a *[ReadError] with the error of r,
// unavailable, storage_full.
func (b *Bucket) Put(ctx context.Context, key, mediaType string, r io.Reader) (err error) {
	ctx, span := tracing.Call(ctx, "storage put")
	defer func() { tracing.End(span, err) }()
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	var file *os.File
	w, err := b.bucket.NewWriter(ctx, key, &gcblob.WriterOptions{
		ContentType: mediaType,
		BeforeWrite: func(as func(any) bool) error {
			as(&file) // stays nil for anything but a folder
			return nil
		},
	})
	if err != nil {
		return coded(err, "write "+key)
	}
	// Only Reader and Writer are shown to CopyBuffer: with their shortcuts it would leave the buffer aside.
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{marked{r}}, make([]byte, copyBytes))
	if err == nil && file != nil {
		err = file.Sync()
	}
	if err != nil {
		abort()   // before Close, which would otherwise publish what is there so far
		w.Close() //nolint:errcheck // it reports the abort
		var read *ReadError
		if errors.As(err, &read) {
			return read
		}
		return coded(err, "write "+key)
	}
	if err := w.Close(); err != nil {
		return coded(err, "write "+key)
	}
	if file != nil {
		if err := syncFolder(filepath.Dir(file.Name())); err != nil {
			return coded(err, "write "+key)
		}
	}
	return nil
}

// marked marks the errors of a source, to tell them from those of the storage.
type marked struct{ r io.Reader }

func (m marked) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &ReadError{err}
	}
	return n, err
}

// syncFolder makes a rename in the folder last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	err = f.Sync()
	// Some network file systems can't sync a folder and don't need to.
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
