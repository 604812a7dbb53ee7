// Package blob is the storage for the bytes of files: a folder by default (file://), through gocloud.dev/blob. It adds
// what the callers here rely on: a blob is there whole or not at all, what was stored survives a power cut, and errors
// carry a code of package fault.
//
// Keys are made by us and never from a name that a user gave.
package blob

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"time"

	gcblob "gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // registers file://
	"gocloud.dev/gcerrors"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// readyTimeout is for a probe that asks every few seconds.
const readyTimeout = 2 * time.Second

// Config says where blobs are kept.
type Config struct {
	// URL such as file:///var/lib/rohrpost/blobs; [FileURL] makes one. It may carry the parameters of fileblob.
	URL string `env:"BLOB_URL"`
	// Variable is what errors call the setting, for a storage of another purpose; "" is BLOB_URL.
	Variable string
}

func (c Config) variable() string {
	if c.Variable == "" {
		return "BLOB_URL"
	}
	return c.Variable
}

// Bucket is an open storage. It is safe for concurrent use.
type Bucket struct {
	bucket *gcblob.Bucket
	folder string // of file://, else empty
}

// FileURL is the URL of the folder dir, for [Config].
func FileURL(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("storage folder: %w", err)
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(abs)}).String(), nil
}

// Open opens the storage; a folder that isn't there is made. The caller closes it.
func Open(ctx context.Context, cfg Config) (*Bucket, error) {
	if cfg.URL == "" {
		return nil, fault.New(fault.Invalid, "%s is not set", cfg.variable())
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("parse %s: %w", cfg.variable(), err)
	}
	if u.Scheme == "file" {
		u.RawQuery = withFolderDefaults(u.Query()).Encode()
	}
	b, err := gcblob.OpenBucket(ctx, u.String())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.variable(), err)
	}
	opened := &Bucket{bucket: b}
	if u.Scheme == "file" {
		opened.folder = filepath.FromSlash(u.Path)
	}
	return opened, nil
}

// withFolderDefaults sets what fileblob would do otherwise: write to the system's temporary folder, from which a rename
// fails where that is another file system; keep attributes in files of their own, which nobody reads here; and make
// folders that every user of the machine may list.
func withFolderDefaults(params url.Values) url.Values {
	for name, value := range map[string]string{
		"create_dir": "true", "no_tmp_dir": "true", "metadata": "skip", "dir_file_mode": "0700",
	} {
		if !params.Has(name) {
			params.Set(name, value)
		}
	}
	return params
}

// Close ends the use of the storage.
func (b *Bucket) Close() error { return b.bucket.Close() }

// Ready reports whether the storage can be reached, with code unavailable where it can't, and whether there is room in a
// folder, with code [Full] where there is none: then it can be read and not written.
func (b *Bucket) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	const sentence = "The file storage can't be reached."
	if b.folder != "" {
		var info os.FileInfo // fileblob's own check would find a missing folder accessible
		if !b.bucket.As(&info) {
			return fault.New(fault.Unavailable, sentence)
		}
		left, _, err := room(b.folder)
		if err != nil {
			return fault.Wrap(err, fault.Unavailable, sentence)
		}
		if left < tooLittle {
			return fault.New(Full, fullSentence)
		}
		return nil
	}
	ok, err := b.bucket.IsAccessible(ctx)
	if err != nil || !ok {
		return fault.Wrap(err, fault.Unavailable, sentence)
	}
	return nil
}

// NewReader reads length bytes of a blob from offset on; a negative length reads to the end. The caller closes it.
// Errors: not_found, unavailable.
func (b *Bucket) NewReader(ctx context.Context, key string, offset, length int64) (_ io.ReadSeekCloser, err error) {
	_, span := tracing.Call(ctx, "storage open") // the reader lives on, and so must ctx
	defer func() { tracing.End(span, err) }()
	r, err := b.bucket.NewRangeReader(ctx, key, offset, length, nil)
	if err != nil {
		return nil, coded(err, "read "+key)
	}
	return r, nil
}

// Size is how many bytes a blob has. Errors: not_found, unavailable.
func (b *Bucket) Size(ctx context.Context, key string) (_ int64, err error) {
	ctx, span := tracing.Call(ctx, "storage look")
	defer func() { tracing.End(span, err) }()
	attrs, err := b.bucket.Attributes(ctx, key)
	if err != nil {
		return 0, coded(err, "look at "+key)
	}
	return attrs.Size, nil
}

// Delete removes blobs; one that isn't there is fine. It goes on after an error and returns the first. Errors:
// unavailable.
func (b *Bucket) Delete(ctx context.Context, keys ...string) (first error) {
	ctx, span := tracing.Call(ctx, "storage delete")
	defer func() { tracing.End(span, first) }()
	for _, key := range keys {
		err := b.bucket.Delete(ctx, key)
		if err != nil && gcerrors.Code(err) != gcerrors.NotFound && first == nil {
			first = coded(err, "delete "+key)
		}
	}
	return first
}

// coded gives an error of the storage its code. What ended a context keeps its own.
func coded(err error, doing string) error {
	err = fmt.Errorf("%s: %w", doing, err)
	if isFull(err) {
		return fault.Wrap(err, Full, fullSentence)
	}
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fault.Wrap(err, fault.NotFound, "The content is not in the storage.")
	case gcerrors.Canceled, gcerrors.DeadlineExceeded:
		return err
	}
	return fault.Wrap(err, fault.Unavailable, "The file storage does not answer.")
}
