package files

import (
	"context"
	"io"

	"rohrpost/internal/clamav"
	"rohrpost/internal/thumbnail"
)

// ScannerFunc is a scanner for tests that have to be there when it scans.
type ScannerFunc func(ctx context.Context) (clamav.Verdict, error)

// Scan reads the file and calls f.
func (f ScannerFunc) Scan(ctx context.Context, body io.Reader, _ int64) (clamav.Verdict, error) {
	if _, err := io.Copy(io.Discard, body); err != nil {
		return clamav.Verdict{}, err
	}
	return f(ctx)
}

// Version is always the same.
func (f ScannerFunc) Version(context.Context) (string, error) { return "a scanner of the test", nil }

// ThumbnailerFunc is a thumbnailer for tests that have to be there when it works.
type ThumbnailerFunc func(ctx context.Context) ([]thumbnail.Thumbnail, error)

// Make calls f.
func (f ThumbnailerFunc) Make(ctx context.Context, _ io.ReadSeeker) ([]thumbnail.Thumbnail, error) {
	return f(ctx)
}

// ScanWith replaces the scanner.
func ScanWith(f ScannerFunc) Option { return func(s *Service) { s.scanner = f } }

// ShrinkWith replaces the thumbnailer.
func ShrinkWith(f ThumbnailerFunc) Option { return func(s *Service) { s.thumbnailer = f } }

// UploadKey is where an upload lies.
var UploadKey = uploadKey
