package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"rohrpost/internal/blob"
	"rohrpost/internal/fault"
)

const (
	backupsFolder = "backups/"
	blobsFolder   = "blobs/"
	markerKey     = "rohrpost.json"
	partType      = "application/octet-stream"
	smallWithin   = 30 * time.Second // for some kilobytes in a storage that is far away
	maxSmall      = 1 << 20
)

// store is the storage of the backups.
type store struct{ bucket *blob.Bucket }

func openStore(ctx context.Context, url string) (*store, error) {
	bucket, err := blob.Open(ctx, blob.Config{URL: url, Variable: "BACKUP_URL"})
	if err != nil {
		return nil, err
	}
	return &store{bucket}, nil
}

// Part is something in the storage of the backups, as it was written.
type Part struct {
	Key    string `json:"key"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // of what lies there, that is, encrypted
}

// put stores what fill writes, encrypted for to unless there is nobody in it. The part is there whole or not at all: an
// error of fill leaves nothing.
func (s *store) put(ctx context.Context, key string, to []age.Recipient, fill func(w io.Writer) error) (Part, error) {
	pr, pw := io.Pipe()
	filled := make(chan struct{})
	go func() {
		defer close(filled)
		pw.CloseWithError(seal(pw, to, fill)) // nil is the end
	}()
	in := newMeter(pr)
	err := s.bucket.Put(ctx, key, partType, in)
	pr.CloseWithError(errors.New("nobody takes it any more")) // for a fill that the storage broke off
	<-filled
	if err != nil {
		return Part{}, stored(err, "write "+key)
	}
	return Part{Key: key, Size: in.n, SHA256: in.sum()}, nil
}

func seal(w io.Writer, to []age.Recipient, fill func(w io.Writer) error) error {
	if len(to) == 0 {
		return fill(w)
	}
	sealed, err := age.Encrypt(w, to...)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	if err := fill(sealed); err != nil {
		return err
	}
	return sealed.Close()
}

// reading is a part that is being read. What it yields is worth nothing before finish says so.
type reading struct {
	part   Part
	source io.ReadCloser
	raw    *meter
	io.Reader
}

// open begins to read a part, decrypted where there are identities.
func (s *store) open(ctx context.Context, part Part, identities ...age.Identity) (*reading, error) {
	source, err := s.bucket.NewReader(ctx, part.Key, 0, -1)
	if fault.CodeOf(err) == fault.NotFound {
		return nil, damaged("The part %s is not in the storage of the backups.", part.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", part.Key, err)
	}
	r := &reading{part: part, source: source, raw: newMeter(source)}
	r.Reader = r.raw
	if len(identities) > 0 {
		if r.Reader, err = age.Decrypt(r.raw, identities...); err != nil {
			return nil, errors.Join(r.broken(err), source.Close())
		}
	}
	return r, nil
}

// broken gives a failure to decrypt its code: a wrong key, or a part that is not as it was written.
func (r *reading) broken(err error) error {
	var wrong *age.NoIdentityMatchError
	if errors.As(err, &wrong) {
		return err // who asked knows what it means
	}
	if r.raw.failed != nil {
		return fmt.Errorf("read %s: %w", r.part.Key, r.raw.failed)
	}
	return fault.Wrap(err, Damaged, "The part %s is damaged.", r.part.Key)
}

// finish reads the rest, closes, and tells whether all of it was as it was written.
func (r *reading) finish() error {
	_, err := io.Copy(io.Discard, r.Reader)
	if err == nil {
		_, err = io.Copy(io.Discard, r.raw) // what may lie behind the encrypted part
	}
	err = errors.Join(err, r.source.Close())
	switch {
	case r.raw.failed != nil:
		return fmt.Errorf("read %s: %w", r.part.Key, r.raw.failed)
	case err != nil:
		return r.broken(err)
	case r.raw.n != r.part.Size || r.raw.sum() != r.part.SHA256:
		return damaged("The part %s is damaged.", r.part.Key)
	}
	return nil
}

// check reads a part and tells whether it is as it was written.
func (s *store) check(ctx context.Context, part Part) error {
	r, err := s.open(ctx, part)
	if err != nil {
		return err
	}
	return r.finish()
}

// putJSON stores a small document as it is.
func (s *store) putJSON(ctx context.Context, key string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, smallWithin)
	defer cancel()
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return stored(s.bucket.Put(ctx, key, "application/json", bytes.NewReader(append(raw, '\n'))), "write "+key)
}

// getJSON reads a small document.
func (s *store) getJSON(ctx context.Context, key string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, smallWithin)
	defer cancel()
	r, err := s.bucket.NewReader(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(io.LimitReader(r, maxSmall))
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The storage of the backups does not answer.")
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fault.Wrap(err, Damaged, "The part %s is damaged.", key)
	}
	return nil
}

func folderOf(id uuid.UUID) string   { return backupsFolder + id.String() + "/" }
func summaryKey(id uuid.UUID) string { return folderOf(id) + "summary.json" }

// meter measures what passes.
type meter struct {
	r      io.Reader
	hash   hash.Hash
	n      int64
	failed error // of r, but for its end
}

func newMeter(r io.Reader) *meter { return &meter{r: r, hash: sha256.New()} }

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.hash.Write(p[:n])
	m.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		m.failed = err
	}
	return n, err
}

func (m *meter) sum() string { return hex.EncodeToString(m.hash.Sum(nil)) }
